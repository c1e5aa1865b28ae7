import type { BucketSettings } from '@ringfort/ring';
import type { RecordId } from '@ringfort/storage';

/** A request at the node that coordinates it: where its key lies, and how this node stands to it. */
export interface Placed {
  readonly id: RecordId;
  readonly list: readonly string[];
  /** Those that own a slot of the partition, and the version that stands for that. */
  readonly owners: readonly string[];
  readonly slots: number;
  readonly settings: BucketSettings;
  readonly n: number;
  /** This node is no primary: none can be reached, and it stands in. */
  readonly standIn: boolean;
  readonly timeoutMs: number;
}

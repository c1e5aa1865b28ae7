import { hex64 } from './hash.ts';
import { afterPrefix, decodeId, partitionPrefix } from './keys-core.ts';
import type { LayeredTable } from './layered-table.ts';
import type { DroppedRecords } from './port.ts';
import type { Stage } from './stage.ts';

export interface Drop {
  readonly partition: number;
  readonly expectedRoot: string;
  readonly maxItems: number;
}

/** Forgets the first records of a partition that is as its owner last saw it. Leaves count at once, so that an earlier write of the batch is seen. */
export function stageDrop(
  stage: Stage,
  table: LayeredTable,
  { partition, expectedRoot, maxItems }: Drop,
): DroppedRecords {
  const root = () => hex64(table.leaves.root(partition));
  if (root() !== expectedRoot) return { outcome: 'changed', dropped: 0, root: root() };
  const prefix = partitionPrefix(partition);
  let dropped = 0;
  for (const [key] of table.range(prefix, afterPrefix(prefix))) {
    if (dropped === maxItems) return { outcome: 'partly', dropped, root: root() };
    stage.dropRecord(stage.record(decodeId(key, 1)));
    dropped += 1;
  }
  return { outcome: 'all', dropped, root: root() };
}

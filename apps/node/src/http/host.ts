import type { ScrubStatus } from '@ringfort/anti-entropy';
import type { Random } from '@ringfort/bus';
import type { Coordinator } from '@ringfort/coordinator';
import type { Membership } from '@ringfort/membership';
import type { Logger } from 'pino';
import type { NodeLimits, TokenConfig } from '../config.ts';
import type { NodeMetrics } from '../metrics.ts';
import type { NodeCopy } from '../node-copy.ts';

/** What the routes ask of the node behind them. */
export interface HttpHost {
  readonly nodeId: string;
  readonly cluster: string;
  readonly limits: NodeLimits;
  /** Default deadline of a request. */
  readonly timeoutMs: number;
  readonly tokens: readonly TokenConfig[];
  readonly metrics: NodeMetrics;
  readonly random: Random;
  readonly log: Logger;
  /** @throws {NotReadyError} while the node starts or stops */
  coordinator(): Coordinator;
  /** @throws {NotReadyError} while the node starts or stops */
  membership(): Membership;
  /** Of any node's store: begins a scrub, or tells how far it is. @throws {NotReadyError} */
  scrub(verb: 'start' | 'status', node: string): Promise<ScrubStatus>;
  /** Begins a copy of a node's store. @throws {NotReadyError} while the node starts or stops */
  openCopy(node: string): Promise<NodeCopy>;
  /** Why the node cannot serve now; undefined: it serves. */
  unreadyReason(): string | undefined;
  /** The connection to the bus (`connected`, `disconnected`, ...) and the mode of the store (`serving`, `readOnly`, ...). */
  condition(): { readonly bus: string; readonly storage: string };
}

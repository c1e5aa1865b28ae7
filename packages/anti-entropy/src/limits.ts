/** Bounds and times of anti-entropy. */
export interface AntiEntropyLimits {
  /** How often each pair of replicas is compared; 0: never, unless this node is to be filled. */
  readonly intervalMs: number;
  /** Exchanges that a node has begun and not ended; most of their time they wait, for the other side or to look again. */
  readonly maxExchanges: number;
  /** Of objects in one message; one that is larger travels alone. */
  readonly maxFrameBytes: number;
  /** Of objects in one message, and of records in one list. */
  readonly maxFrameItems: number;
  readonly maxListItems: number;
  /** Records that are looked at before other work has its turn. */
  readonly lookedAtPerTurn: number;
  /** Objects that a node sends and fetches, in all its exchanges. */
  readonly bytesPerSecond: number;
  /** Of every request, and of every step of an exchange. */
  readonly timeoutMs: number;
  /** A small difference may be a write under way: it is looked at again after so long, before anything is listed. */
  readonly settleMs: number;
  /** Leaves that writes under way may make differ. */
  readonly fewLeaves: number;
}

export const defaultLimits: AntiEntropyLimits = Object.freeze({
  intervalMs: 60_000,
  maxExchanges: 32,
  maxFrameBytes: 256 * 1024,
  maxFrameItems: 256,
  maxListItems: 512,
  lookedAtPerTurn: 256,
  bytesPerSecond: 16 * 1024 * 1024,
  timeoutMs: 10_000,
  settleMs: 1_000,
  fewLeaves: 8,
});

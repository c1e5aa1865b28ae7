/** Bounds and times of hand-overs. */
export interface HandOverLimits {
  /** Partitions that this node gives away at the same time, those that it only keeps for others among them. */
  readonly maxGiving: number;
  /** Of each question to the node that is to take a partition; this long its silence goes unnoticed. */
  readonly timeoutMs: number;
  /** Before one that could not begin yet is asked again. */
  readonly pauseMs: number;
  /** After a failure: the first pause, doubled with each further one up to the last. */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** After a change of the ring, before moves are looked for: what comes together is looked at once. */
  readonly settleMs: number;
  /** How often it is looked for records of partitions that this node does not own, and for what could not be done before. */
  readonly sweepMs: number;
  /** Records forgotten in one transaction. */
  readonly dropItems: number;
  /** Stand-in records for nodes that are gone that are handed on per sweep. */
  readonly hintsPerSweep: number;
}

export const defaultHandOverLimits: HandOverLimits = Object.freeze({
  maxGiving: 4,
  timeoutMs: 4_000,
  pauseMs: 100,
  backoffMinMs: 500,
  backoffMaxMs: 30_000,
  settleMs: 50,
  sweepMs: 10_000,
  dropItems: 256,
  hintsPerSweep: 256,
});

/**
 * An invariant of the architecture that a run can break. `QUORUM`: strict quorums (`sloppy: false`) that intersect did not see each other; `TRAP`:
 * production code touched real time, randomness or timers; `CRASH`: it threw where nobody catches.
 */
export type Invariant = 'S1' | 'S2' | 'S3' | 'S4' | 'S5' | 'S6' | 'S7' | 'L1' | 'QUORUM' | 'TRAP' | 'CRASH';

export interface BrokenInvariant {
  readonly invariant: Invariant;
  /** Whose timeline explains it. */
  readonly key?: string | undefined;
  readonly what: string;
}

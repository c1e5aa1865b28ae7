/** An invariant of the architecture that a run can break; `TRAP`: production code touched real time, randomness or timers. */
export type Invariant = 'S1' | 'S2' | 'S4' | 'S6' | 'S7' | 'L1' | 'TRAP' | 'CRASH';

export interface BrokenInvariant {
  readonly invariant: Invariant;
  /** Whose timeline explains it. */
  readonly key?: string | undefined;
  readonly what: string;
}

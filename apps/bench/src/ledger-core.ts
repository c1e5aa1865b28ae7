/** A write on its way: hand it back when it was acknowledged. */
export interface Issued {
  readonly sequence: number;
  readonly begunAt: number;
  /** Infinity: not yet. */
  acknowledgedAt: number;
}

interface KeyState {
  issued: number;
  /** The writes that a read may return, in the order in which they began. */
  readonly live: Issued[];
  /** The lowest sequence of those, once one of them was acknowledged; 0 before. */
  oldestFresh: number;
}

/**
 * Knows which writes of each key were begun and acknowledged when, and so the oldest that a read may return: one that was acknowledged
 * before another began, that was itself acknowledged before the read began, is stale.
 */
export class Ledger {
  readonly #keys = new Map<number, KeyState>();
  #moment = 0;

  begin(key: number): Issued {
    const state = this.#of(key);
    state.issued += 1;
    this.#moment += 1;
    const issued = { sequence: state.issued, begunAt: this.#moment, acknowledgedAt: Number.POSITIVE_INFINITY };
    state.live.push(issued);
    return issued;
  }

  acknowledged(key: number, issued: Issued): void {
    const state = this.#of(key);
    const { live } = state;
    this.#moment += 1;
    let kept = 0;
    for (const write of live) {
      if (write.acknowledgedAt < issued.begunAt) continue;
      live[kept] = write;
      kept += 1;
    }
    if (kept < live.length) live.length = kept;
    issued.acknowledgedAt = this.#moment;
    state.oldestFresh = live[0]!.sequence;
  }

  /** The lowest sequence that a read beginning now may return; 0 when the key was never written. */
  oldestFresh(key: number): number {
    return this.#keys.get(key)?.oldestFresh ?? 0;
  }

  /** The highest sequence that was begun. */
  newest(key: number): number {
    return this.#keys.get(key)?.issued ?? 0;
  }

  #of(key: number): KeyState {
    let state = this.#keys.get(key);
    if (state === undefined) {
      state = { issued: 0, live: [], oldestFresh: 0 };
      this.#keys.set(key, state);
    }
    return state;
  }
}

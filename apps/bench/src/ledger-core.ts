/** A write on its way: hand it back when it was acknowledged. */
export interface Issued {
  readonly sequence: number;
  readonly begunAt: number;
}

interface KeyState {
  issued: number;
  /** Sequences that a read may return, with the moment of their acknowledgement (Infinity: not yet). */
  readonly live: Map<number, number>;
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
    state.live.set(state.issued, Number.POSITIVE_INFINITY);
    return { sequence: state.issued, begunAt: this.#moment };
  }

  acknowledged(key: number, { sequence, begunAt }: Issued): void {
    const { live } = this.#of(key);
    this.#moment += 1;
    for (const [other, acknowledgedAt] of live) if (acknowledgedAt < begunAt) live.delete(other);
    live.set(sequence, this.#moment);
  }

  /** The lowest sequence that a read beginning now may return; 0 when the key was never written. */
  oldestFresh(key: number): number {
    let oldest = Number.POSITIVE_INFINITY;
    let acknowledged = false;
    for (const [sequence, acknowledgedAt] of this.#keys.get(key)?.live ?? []) {
      if (sequence < oldest) oldest = sequence;
      if (acknowledgedAt < Number.POSITIVE_INFINITY) acknowledged = true;
    }
    return acknowledged ? oldest : 0;
  }

  /** The highest sequence that was begun. */
  newest(key: number): number {
    return this.#keys.get(key)?.issued ?? 0;
  }

  #of(key: number): KeyState {
    let state = this.#keys.get(key);
    if (state === undefined) {
      state = { issued: 0, live: new Map() };
      this.#keys.set(key, state);
    }
    return state;
  }
}

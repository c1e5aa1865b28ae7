const GAIN = 1 / 16;
const VARIATION_GAIN = 1 / 8;
const VARIATIONS = 6;

/**
 * How long replicas take to answer, smoothed, and from it how long one may be silent before it is taken for hung: as TCP sets its
 * retransmission timer (RFC 6298). A fixed time would ask stand-ins, and write hints, for everything as soon as a cluster is merely busy.
 */
export class ResponseTime {
  readonly #minMs: number;
  readonly #maxMs: number;
  #smoothedMs = 0;
  #variationMs = 0;

  constructor(minMs: number, maxMs: number) {
    this.#minMs = minMs;
    this.#maxMs = Math.max(minMs, maxMs);
  }

  observe(tookMs: number): void {
    const errorMs = tookMs - this.#smoothedMs;
    this.#smoothedMs += GAIN * errorMs;
    this.#variationMs += VARIATION_GAIN * (Math.abs(errorMs) - this.#variationMs);
  }

  /** Milliseconds. */
  get hedgeMs(): number {
    const expectedMs = this.#smoothedMs + VARIATIONS * this.#variationMs;
    return Math.min(this.#maxMs, Math.max(this.#minMs, expectedMs));
  }
}

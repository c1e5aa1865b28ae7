import { healthAfter } from './detector-core.ts';

/** How far this node trusts its own impressions. See `healthAfter`. */
export class LocalHealth {
  #score = 0;
  #troubled = false;

  /** A sign that this node is at fault itself. */
  worsen(): void {
    this.#score = healthAfter(this.#score, 'trouble');
    this.#troubled = true;
  }

  /** A round has passed; one without such a sign makes it better. */
  roundPassed(): void {
    if (!this.#troubled) this.#score = healthAfter(this.#score, 'calm');
    this.#troubled = false;
  }

  /** By how much longer than usual a peer is waited for. */
  get patience(): number {
    return 1 + this.#score;
  }
}

import type { SeededRandom, VirtualClock } from '../src/index.ts';

/** What goes wrong on every link between two processes; probabilities from 0 to 1 per payload. */
export interface LinkFaultRates {
  readonly drop: number;
  readonly duplicate: number;
  /** Held back by up to `tailMs`, so that later payloads overtake it. */
  readonly reorder: number;
  /** Delayed by a heavy-tailed time (Pareto, shape 1.2), at most `tailMs`; later ones wait behind it. */
  readonly delay: number;
  readonly tailMs: number;
}

export const noLinkFaults: LinkFaultRates = { drop: 0, duplicate: 0, reorder: 0, delay: 0, tailMs: 0 };

const MIN_HOP_MS = 0.1;
const HOP_SPREAD_MS = 0.4;
const PARETO_SHAPE = 1.2;

/** Decides on the fate of each payload: when it arrives, once per entry; never: no entry. */
export class LinkFaults {
  rates: LinkFaultRates = noLinkFaults;
  readonly #clock: VirtualClock;
  readonly #random: SeededRandom;
  readonly #cuts = new Set<string>();
  /** When the last payload of a link arrives: those after it arrive no earlier. */
  readonly #lastArrivalMs = new Map<string, number>();

  constructor(clock: VirtualClock, random: SeededRandom) {
    this.#clock = clock;
    this.#random = random;
  }

  cutOneWay(from: string, to: string): void {
    this.#cuts.add(`${from} ${to}`);
  }

  mendOneWay(from: string, to: string): void {
    this.#cuts.delete(`${from} ${to}`);
  }

  /** No faults any more; what is on its way arrives as it was to. */
  heal(): void {
    this.#cuts.clear();
    this.rates = noLinkFaults;
  }

  /** The time of a hop where nothing goes wrong. */
  hopMs(): number {
    return MIN_HOP_MS + this.#random.float() * HOP_SPREAD_MS;
  }

  delaysOf(from: string, to: string): readonly number[] {
    const link = `${from} ${to}`;
    if (this.#cuts.has(link)) return [];
    const { drop, duplicate, reorder } = this.rates;
    if (this.#chance(drop)) return [];
    const first = this.#chance(reorder) ? this.hopMs() + this.#tail() : this.#inOrder(link);
    return this.#chance(duplicate) ? [first, first + this.hopMs() + this.#tail()] : [first];
  }

  #inOrder(link: string): number {
    const nowMs = this.#clock.monotonicMs();
    const lateMs = this.#chance(this.rates.delay) ? this.#tail() : 0;
    const arrivalMs = Math.max(nowMs + this.hopMs() + lateMs, this.#lastArrivalMs.get(link) ?? 0);
    this.#lastArrivalMs.set(link, arrivalMs);
    return arrivalMs - nowMs;
  }

  #tail(): number {
    const pareto = (1 - this.#random.float()) ** (-1 / PARETO_SHAPE) - 1;
    return Math.min(this.rates.tailMs, pareto * 2);
  }

  #chance(probability: number): boolean {
    return probability > 0 && this.#random.chance(probability);
  }
}

import { type Clock, type Link, type MemoryNetwork, memoryNetwork, type Random } from '@ringfort/bus';
import { InvalidFaultError } from './errors.ts';

/** What goes wrong on a link. Probabilities are per payload, from 0 to 1; what is absent does not happen. */
export interface Faults {
  /** Lost. */
  readonly drop?: number;
  /** Arrives twice, the second time later. */
  readonly duplicate?: number;
  /** Held back by up to `reorderMs`, so that what was sent later overtakes it. */
  readonly reorder?: number;
  /** 50 by default. */
  readonly reorderMs?: number;
  /** Every payload takes from `min` to `max` milliseconds; without `reorder`, none overtakes another of the same link. */
  readonly delayMs?: readonly [min: number, max: number];
}

export interface FaultyNetworkOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** The faults of every link that has none of its own. */
  readonly faults?: Faults;
  readonly maxPayload?: number;
}

/** How many payloads met which fate; one may have met several. */
export interface FaultCounts {
  sent: number;
  dropped: number;
  cut: number;
  duplicated: number;
  reordered: number;
}

/** A bus identity (`node.n1`, `client.c7`), or `*` for any. */
export type End = string;

export interface FaultyNetwork {
  /** For `memoryBus({ network, ... })`. */
  readonly network: MemoryNetwork;
  readonly counts: Readonly<FaultCounts>;
  /** Sets the faults of the link between two ends, in this direction; the most specific one counts: both ends, sender, receiver, `*`. */
  setFaults(faults: Faults, from?: End, to?: End): void;
  /** Nothing passes from `from` to `to` any more; the other direction still works. */
  cutOneWay(from: End, to: End): void;
  /** Nothing passes between the two any more. */
  cut(a: End, b: End): void;
  /** Nothing passes between any of `left` and any of `right`, either way. */
  split(left: readonly End[], right: readonly End[]): void;
  /** Mends one direction's cut, and keeps its other faults. */
  mendOneWay(from: End, to: End): void;
  /** Mends all cuts and takes all faults away. What is on its way still arrives as it was to. */
  heal(): void;
}

const UINT32 = 0x1_0000_0000;
const ANY: End = '*';
const DEFAULT_REORDER_MS = 50;

/** A {@link memoryNetwork} whose links misbehave as told, repeatable from the random seed. */
export function faultyNetwork(options: FaultyNetworkOptions): FaultyNetwork {
  return new FaultyLinks(options);
}

class FaultyLinks implements FaultyNetwork {
  readonly network: MemoryNetwork;
  readonly counts: FaultCounts = { sent: 0, dropped: 0, cut: 0, duplicated: 0, reordered: 0 };
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #faults = new Map<string, Faults>();
  readonly #cuts = new Set<string>();
  /** When the last payload of a link arrives: those after it arrive no earlier. */
  readonly #lastArrivalMs = new Map<string, number>();

  constructor(options: FaultyNetworkOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    if (options.faults !== undefined) this.setFaults(options.faults);
    this.network = memoryNetwork({
      clock: options.clock,
      random: options.random,
      link: this.#link,
      ...(options.maxPayload === undefined ? {} : { maxPayload: options.maxPayload }),
    });
  }

  setFaults(faults: Faults, from: End = ANY, to: End = ANY): void {
    checkFaults(faults);
    this.#faults.set(linkName(from, to), faults);
  }

  cutOneWay(from: End, to: End): void {
    this.#cuts.add(linkName(from, to));
  }

  cut(a: End, b: End): void {
    this.cutOneWay(a, b);
    this.cutOneWay(b, a);
  }

  split(left: readonly End[], right: readonly End[]): void {
    for (const a of left) for (const b of right) this.cut(a, b);
  }

  mendOneWay(from: End, to: End): void {
    this.#cuts.delete(linkName(from, to));
  }

  heal(): void {
    this.#cuts.clear();
    this.#faults.clear();
  }

  readonly #link: Link = (from, to) => {
    this.counts.sent += 1;
    const names = namesOf(from, to);
    if (names.some((name) => this.#cuts.has(name))) {
      this.counts.cut += 1;
      return [];
    }
    const faults = names.map((name) => this.#faults.get(name)).find((found) => found !== undefined) ?? {};
    if (this.#chance(faults.drop)) {
      this.counts.dropped += 1;
      return [];
    }
    const first = this.#delay(linkName(from, to), faults);
    if (!this.#chance(faults.duplicate)) return [first];
    this.counts.duplicated += 1;
    return [first, first + 1 + this.#random.below((faults.reorderMs ?? DEFAULT_REORDER_MS) + 1)];
  };

  #delay(link: string, faults: Faults): number {
    const [min, max] = faults.delayMs ?? [0, 0];
    const delayMs = min + (max > min ? this.#random.below(max - min + 1) : 0);
    if (this.#chance(faults.reorder)) {
      this.counts.reordered += 1;
      return delayMs + 1 + this.#random.below(faults.reorderMs ?? DEFAULT_REORDER_MS);
    }
    const nowMs = this.#clock.monotonicMs();
    const arrivalMs = Math.max(nowMs + delayMs, this.#lastArrivalMs.get(link) ?? 0);
    this.#lastArrivalMs.set(link, arrivalMs);
    return arrivalMs - nowMs;
  }

  #chance(probability = 0): boolean {
    return probability > 0 && this.#random.below(UINT32) < probability * UINT32;
  }
}

function linkName(from: End, to: End): string {
  return `${from} ${to}`;
}

/** The most specific first. */
function namesOf(from: End, to: End): string[] {
  return [linkName(from, to), linkName(from, ANY), linkName(ANY, to), linkName(ANY, ANY)];
}

function checkFaults(faults: Faults): void {
  for (const name of ['drop', 'duplicate', 'reorder'] as const) {
    const probability = faults[name] ?? 0;
    if (!(probability >= 0 && probability <= 1)) {
      throw new InvalidFaultError(`${name}: a probability from 0 to 1 is needed, not ${probability}`, { name });
    }
  }
  const [min, max] = faults.delayMs ?? [0, 0];
  if (!(Number.isInteger(min) && Number.isInteger(max) && min >= 0 && max >= min)) {
    throw new InvalidFaultError(`delayMs: whole numbers with 0 <= min <= max are needed, not ${min}, ${max}`, {
      min,
      max,
    });
  }
  const reorderMs = faults.reorderMs ?? DEFAULT_REORDER_MS;
  if (!(Number.isInteger(reorderMs) && reorderMs >= 1)) {
    throw new InvalidFaultError(`reorderMs: a whole number from 1 is needed, not ${reorderMs}`, { reorderMs });
  }
}

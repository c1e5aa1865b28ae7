import type { Clock, Random } from '@ringfort/bus';
import type { z } from 'zod';
import { maxSuspects, type nodeSuspectedEventSchema } from './contract.ts';

type Suspects = z.infer<typeof nodeSuspectedEventSchema>['suspects'];

/** Once it was said so often, whoever believes it too keeps silent: the cost does not grow with the cluster. */
const enough = 4;
/** One repeats itself so often, as messages may be lost. */
const repeats = 3;
/** Those who find out together speak at different times, so that the others hear the first. */
const spreadMs = 100;
/** A later suspicion of the same node is another one. */
const forgetMs = 5000;

interface Accusation {
  heard: number;
  readonly sinceMs: number;
  /** The incarnation that this node accuses, so many times yet. */
  incarnation: number;
  left: number;
}

export interface AccusationsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly publish: (suspects: Suspects) => void;
}

/** Tells all others whom this node believes down, unless enough have said so: they probe it themselves. */
export class Accusations {
  readonly #options: AccusationsOptions;
  /** Of watched peers; bounded by their number. */
  readonly #accusations = new Map<string, Accusation>();
  #timer: unknown;

  constructor(options: AccusationsOptions) {
    this.#options = options;
  }

  /** This node believes it. */
  accuse(node: string, incarnation: number): void {
    const accusation = this.#of(node);
    accusation.incarnation = incarnation;
    accusation.left = repeats;
    this.#plan();
  }

  /** Another has said it. */
  heard(node: string): void {
    this.#of(node).heard += 1;
  }

  /** The node is up again. */
  withdraw(node: string): void {
    this.#accusations.delete(node);
  }

  stop(): void {
    this.#options.clock.clearTimeout(this.#timer);
    this.#accusations.clear();
  }

  #of(node: string): Accusation {
    const nowMs = this.#options.clock.monotonicMs();
    const known = this.#accusations.get(node);
    if (known !== undefined && nowMs - known.sinceMs < forgetMs) return known;
    const fresh: Accusation = { heard: 0, sinceMs: nowMs, incarnation: 0, left: 0 };
    this.#accusations.set(node, fresh);
    return fresh;
  }

  #plan(): void {
    const { clock, random } = this.#options;
    this.#timer ??= clock.setTimeout(() => this.#speak(), 1 + random.below(spreadMs));
  }

  #speak(): void {
    this.#timer = undefined;
    const suspects: Suspects = [];
    let more = false;
    for (const [node, accusation] of this.#accusations) {
      if (accusation.heard >= enough) accusation.left = 0;
      if (accusation.left === 0) continue;
      more = true;
      if (suspects.length === maxSuspects) break;
      accusation.left -= 1;
      accusation.heard += 1;
      suspects.push({ node, incarnation: accusation.incarnation });
    }
    if (suspects.length > 0) this.#options.publish(suspects);
    if (more) this.#plan();
  }
}

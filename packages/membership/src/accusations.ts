import type { Clock, Random } from '@ringfort/bus';
import type { z } from 'zod';
import { maxSuspects, type nodeSuspectedEventSchema } from './contract.ts';

type Suspects = z.infer<typeof nodeSuspectedEventSchema>['suspects'];

/** Once so many have said it, whoever believes it too keeps silent: the cost does not grow with the cluster, and one lost message does no harm. */
const enough = 4;
/** Those who find out together speak at different times, so that the others hear the first. */
const spreadMs = 200;
/** A later suspicion of the same node is another one. */
const forgetMs = 5000;

interface Accusation {
  heard: number;
  readonly sinceMs: number;
  /** The incarnation that this node has yet to accuse. */
  wanted: number | undefined;
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
    this.#of(node).wanted = incarnation;
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
    const fresh: Accusation = { heard: 0, sinceMs: nowMs, wanted: undefined };
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
      const { wanted, heard } = accusation;
      if (wanted === undefined) continue;
      if (suspects.length === maxSuspects) {
        more = true;
        break;
      }
      accusation.wanted = undefined;
      if (heard >= enough) continue;
      accusation.heard += 1;
      suspects.push({ node, incarnation: wanted });
    }
    if (suspects.length > 0) this.#options.publish(suspects);
    if (more) this.#plan();
  }
}

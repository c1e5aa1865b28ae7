import type { Bus, Clock } from '@ringfort/bus';
import { type Actor, createActor, fromPromise } from 'xstate';
import { handOverTake } from './hand-over-contract.ts';
import type { Giving } from './hand-over-core.ts';
import type { HandOverLimits } from './hand-over-limits.ts';
import { handOverMachine } from './hand-over-machine.ts';
import { transferAddress } from './transfer-contract.ts';

export interface GivingOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly limits: HandOverLimits;
  readonly giving: Giving;
  /** Names this attempt. */
  readonly session: string;
  /** Makes it count, as long as `isSound` says that the takers hold everything; false: it is not to be done any more. */
  readonly conclude: (isSound: () => boolean) => Promise<boolean>;
  readonly onFailure: (error: unknown) => void;
  /** `error`: of one that failed. */
  readonly onEnd: (outcome: 'concluded' | 'gone' | 'failed', error: unknown) => void;
}

/** One attempt to give a partition away: an actor, and what the writes of this node have to know of it. */
export class RunningGiving {
  readonly giving: Giving;
  readonly #options: GivingOptions;
  readonly #actor: Actor<typeof handOverMachine>;
  #isConcluding = false;
  #isMissed = false;

  constructor(options: GivingOptions) {
    this.#options = options;
    this.giving = options.giving;
    this.#actor = createActor(this.#machine(), { clock: options.clock });
    this.#actor.subscribe({
      complete: () => this.#ended(),
      error: (error) => options.onEnd('failed', error),
    });
  }

  /** Who is to have what this node acknowledges of the partition: the next owner of a slot. */
  get forwardTo(): string | undefined {
    return this.#isMissed || this.giving.move === undefined ? undefined : this.giving.move.to;
  }

  begin(): void {
    this.#actor.start();
  }

  /** Not wanted any more. */
  gone(): void {
    this.#actor.send({ type: 'giving.gone' });
  }

  /** A write was not forwarded. Answers whether it may be acknowledged: then this attempt is over. */
  missed(error: unknown): boolean {
    if (this.#isConcluding) return false;
    this.#isMissed = true;
    this.#actor.send({ type: 'forward.missed', error });
    return true;
  }

  stop(): void {
    this.#actor.stop();
  }

  #machine(): typeof handOverMachine {
    const { limits, conclude, onFailure } = this.#options;
    return handOverMachine.provide({
      actors: {
        askTakers: fromPromise<boolean>(() => this.#askTakers()),
        conclude: fromPromise<boolean>(() => conclude(() => !this.#isMissed)),
      },
      actions: {
        beginConcluding: () => {
          this.#isConcluding = true;
        },
        reportFailure: (_, { error }) => onFailure(error),
      },
      delays: { pause: limits.pauseMs, retry: limits.backoffMinMs },
    });
  }

  async #askTakers(): Promise<boolean> {
    const { bus, limits, giving, session } = this.#options;
    const { partition, takers } = giving;
    const request = { partition, session };
    const options = { timeoutMs: limits.timeoutMs };
    const replies = await Promise.all(
      takers.map((node) => bus.request(transferAddress(node), handOverTake, request, options)),
    );
    return replies.every(({ state }) => state === 'held');
  }

  /** An actor that is stopped completes too, and comes to nothing. */
  #ended(): void {
    const { value, status, context } = this.#actor.getSnapshot();
    if (status !== 'done') return;
    this.#options.onEnd(value as 'concluded' | 'gone' | 'failed', context.error);
  }
}

import type { Bus, Clock } from '@ringfort/bus';
import type { z } from 'zod';
import { addressOf } from './address.ts';
import { ping, type pingReplySchema } from './contract.ts';
import { isPunctual } from './detector-core.ts';
import { classifyFailure } from './errors.ts';

export type PingReply = z.infer<typeof pingReplySchema>;

/**
 * How pings of one peer ended. `answered`: after `lostTries` that were not; without a reply when it answered an error. `unanswered`: none of the tries was.
 * `unheard`: it cannot be told, because this process came late to its own timers or is cut off.
 */
export type PingOutcome =
  | { readonly kind: 'answered'; readonly reply?: PingReply; readonly lostTries: number }
  | { readonly kind: 'no-responders' | 'refused' }
  | { readonly kind: 'unanswered'; readonly lostTries: number }
  | { readonly kind: 'unheard' };

export interface PingOptions {
  /** Pings, evenly spread over the time. The first that is answered ends it. */
  readonly tries: number;
  readonly timeoutMs: number;
  readonly suspected?: number | undefined;
  /** Told when the first of several tries has not been answered by the time of the second. */
  readonly onSlow?: () => void;
}

/** After the last deadline, so that answers which arrived while this process was busy are read before it judges. */
const graceMs = 25;

/** Pings a peer. Always ends, about `timeoutMs` after it began at the latest. */
export function pingPeer(bus: Bus, clock: Clock, node: string, options: PingOptions): Promise<PingOutcome> {
  return new Promise((resolve) => new Pings(bus, clock, node, options, resolve).start());
}

class Pings {
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #node: string;
  readonly #options: PingOptions;
  readonly #resolve: (outcome: PingOutcome) => void;
  readonly #startedAtMs: number;
  readonly #sendForMs: number;
  #sent = 0;
  #failed = 0;
  #timer: unknown;
  #ended = false;

  constructor(bus: Bus, clock: Clock, node: string, options: PingOptions, resolve: (outcome: PingOutcome) => void) {
    this.#bus = bus;
    this.#clock = clock;
    this.#node = node;
    this.#options = options;
    this.#resolve = resolve;
    this.#startedAtMs = clock.monotonicMs();
    this.#sendForMs = Math.max(1, options.timeoutMs - graceMs);
  }

  start(): void {
    const options = this.#options;
    const leftMs = this.#startedAtMs + this.#sendForMs - this.#clock.monotonicMs();
    if (leftMs < 1) {
      this.#end({ kind: 'unheard' });
      return;
    }
    if (this.#sent === 1) options.onSlow?.();
    this.#sent += 1;
    const body = options.suspected === undefined ? {} : { suspected: options.suspected };
    if (this.#sent < options.tries) {
      this.#timer = this.#clock.setTimeout(() => this.start(), Math.floor(this.#sendForMs / options.tries));
    }
    const timeoutMs = Math.ceil(leftMs);
    this.#bus.request(addressOf(this.#node), ping, body, { timeoutMs }).then(
      (reply) => this.#end({ kind: 'answered', reply, lostTries: this.#sent - 1 }),
      (error: unknown) => this.#tryFailed(error),
    );
  }

  #tryFailed(error: unknown): void {
    const outcome = classifyFailure(error);
    if (outcome === 'timeout') {
      this.#failed += 1;
      if (this.#failed === this.#options.tries) this.#timer = this.#clock.setTimeout(() => this.#judge(), graceMs);
    } else if (outcome === 'disconnected') this.#end({ kind: 'unheard' });
    else if (outcome === 'answered') this.#end({ kind: 'answered', lostTries: this.#sent - 1 });
    else this.#end({ kind: outcome });
  }

  #judge(): void {
    const elapsedMs = this.#clock.monotonicMs() - this.#startedAtMs;
    const punctual = isPunctual(elapsedMs, this.#options.timeoutMs);
    this.#end(punctual ? { kind: 'unanswered', lostTries: this.#failed } : { kind: 'unheard' });
  }

  #end(outcome: PingOutcome): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#clock.clearTimeout(this.#timer);
    this.#resolve(outcome);
  }
}

import type { AnyActorRef } from 'xstate';
import type { Clock } from './clock.ts';
import { type Deadline, DeadlineWheel } from './deadline-wheel.ts';
import { DeadlineExceededError, NotAcceptedError } from './errors.ts';
import type { Address, Bus, Contract, Inbound, Subscription } from './port.ts';
import { systemClock } from './system-clock.ts';

/** What the actor behind an address receives for each message. */
export interface BridgedEvent<Body = unknown, Reply = unknown> {
  /** The contract's verb. */
  readonly type: string;
  readonly body: Body;
  readonly inbound: Inbound;
  /** Answers the request; only the first of `reply` and `fail` counts. Neither does anything for a published message. */
  readonly reply: (value: Reply) => void;
  /** Answers with an error; one with a `code` crosses the bus as it is. */
  readonly fail: (error: Error) => void;
}

export interface ServeActorOptions {
  /** One of the servers of that name gets each message. */
  readonly queue?: string;
  /** Bounds how long an answer of the actor is waited for: each request's own deadline, on this clock. */
  readonly clock?: Clock;
}

/**
 * Puts a started actor behind an address: each inbound message becomes an event named by its verb. A request that the actor's present
 * state does not take is answered `NOT_ACCEPTED` with that state; one that the actor leaves unanswered, `DEADLINE_EXCEEDED`.
 *
 * ```ts
 * const counter = createActor(counterMachine).start();
 * const served = serveActor(bus, 'node.n1.counter', [increment, read], counter);
 * ```
 */
export function serveActor(
  bus: Bus,
  address: Address,
  contracts: readonly Contract[],
  actor: AnyActorRef,
  options: ServeActorOptions = {},
): Subscription {
  const bridge = new Bridge(address, actor, options.clock ?? systemClock);
  const queue = options.queue === undefined ? undefined : { queue: options.queue };
  const served: Subscription[] = [];
  for (const contract of contracts) {
    served.push(bus.serve(address, contract, (body, inbound) => bridge.handle(contract.verb, body, inbound), queue));
  }
  return {
    unsubscribe: () => {
      for (const subscription of served) subscription.unsubscribe();
      bridge.leave();
    },
  };
}

class Bridge {
  readonly #address: string;
  readonly #actor: AnyActorRef;
  readonly #wheel: DeadlineWheel;
  readonly #unanswered = new Map<Deadline, (error: Error) => void>();
  readonly #watch: { unsubscribe(): void };

  constructor(address: string, actor: AnyActorRef, clock: Clock) {
    this.#address = address;
    this.#actor = actor;
    this.#wheel = new DeadlineWheel(clock);
    const ended = () => this.#failUnanswered();
    this.#watch = actor.subscribe({ complete: ended, error: ended });
  }

  handle(verb: string, body: unknown, inbound: Inbound): Promise<unknown> {
    return new Promise((resolve, reject) => {
      let deadline: Deadline | undefined;
      const settle = () => {
        if (deadline === undefined) return;
        this.#wheel.cancel(deadline);
        this.#unanswered.delete(deadline);
      };
      const fail = (error: Error) => {
        settle();
        reject(error);
      };
      const reply = (value: unknown) => {
        settle();
        resolve(value);
      };
      const event: BridgedEvent = { type: verb, body, inbound, reply, fail };
      if (!this.#accepts(event)) return reject(new NotAcceptedError(this.#address, verb, this.#state()));
      if (inbound.timeoutMs > 0) {
        const expired = () => fail(new DeadlineExceededError(this.#address, verb, inbound.timeoutMs));
        deadline = this.#wheel.after(inbound.timeoutMs, expired);
        this.#unanswered.set(deadline, fail);
      }
      this.#actor.send(event);
      // Nobody waits for the answer to a published message.
      if (deadline === undefined) resolve(undefined);
    });
  }

  leave(): void {
    this.#watch.unsubscribe();
    this.#failUnanswered();
  }

  #accepts(event: BridgedEvent): boolean {
    const snapshot = this.#actor.getSnapshot();
    if (snapshot.status !== 'active') return false;
    return typeof snapshot.can === 'function' ? snapshot.can(event) : true;
  }

  #state(): unknown {
    const snapshot = this.#actor.getSnapshot();
    return snapshot.status === 'active' ? snapshot.value : snapshot.status;
  }

  #failUnanswered(): void {
    const failures = [...this.#unanswered.values()];
    for (const fail of failures) fail(new NotAcceptedError(this.#address, 'the request', this.#state()));
  }
}

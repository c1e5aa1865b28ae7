import { type AnyActorLogic, createActor } from 'xstate';

/** A root actor at rest, or telling the story of one request. */
export interface PooledActor<Event> {
  send(event: Event): void;
}

/**
 * Root actors for requests, used again and again: as many as there are requests under way, never more, and at most `maxIdle` at rest. Creating,
 * starting and stopping an actor for each request costs about half as much again as an idle one's transitions (bench/machine.bench.mjs).
 */
export class RequestPool<Event> {
  readonly #idle: PooledActor<Event>[] = [];
  readonly #logic: AnyActorLogic;
  readonly #maxIdle: number;
  readonly #onError: (error: unknown) => void;

  constructor(logic: AnyActorLogic, options: { maxIdle: number; onError: (error: unknown) => void }) {
    this.#logic = logic;
    this.#maxIdle = options.maxIdle;
    this.#onError = options.onError;
  }

  /** An actor in its idle state. */
  take(): PooledActor<Event> {
    return this.#idle.pop() ?? this.#create();
  }

  /** The actor has come back to its idle state. */
  release(actor: PooledActor<Event>): void {
    if (this.#idle.length < this.#maxIdle) this.#idle.push(actor);
  }

  #create(): PooledActor<Event> {
    const actor = createActor(this.#logic);
    actor.subscribe({ error: this.#onError });
    actor.start();
    return actor as unknown as PooledActor<Event>;
  }
}

import { createActor } from 'xstate';
import type { Batcher } from './batcher.ts';
import { connectionMachine } from './connection-machine.ts';
import { BusClosedError, DisconnectedError, NotPermittedError } from './errors.ts';
import type { Counters } from './limits.ts';
import type { Mux } from './mux.ts';
import type { BusStatus, Subscription } from './port.ts';
import type { Transport } from './transport.ts';

export interface ConnectionOptions {
  readonly transport: Transport;
  readonly mux: Mux;
  readonly batcher: Batcher;
  readonly counters: Counters;
  readonly prefix: string;
  readonly self: string;
  readonly onError: (error: unknown, where: string) => void;
}

/** Feeds the transport's status into the connection machine, and does what the machine decides. */
export class Connection {
  /** The machine's state, cached for the hot path. */
  status: BusStatus = 'connecting';
  readonly #options: ConnectionOptions;
  readonly #listeners = new Set<(status: BusStatus) => void>();
  readonly #actor;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { transport, mux, batcher, counters, self, onError } = options;
    this.#actor = createActor(
      connectionMachine.provide({
        actions: {
          failPendingAsDisconnected: () =>
            mux.failAll(({ address }) => new DisconnectedError(address), { remote: true }),
          failPendingAsClosed: () => mux.failAll(() => new BusClosedError(self)),
          dropUnsent: () => {
            counters.dropped += batcher.drop();
          },
        },
      }),
    );
    this.#actor.subscribe({
      next: (snapshot) => this.#onState(snapshot.value),
      error: (error) => onError(error, 'connection machine'),
    });
    this.#actor.start();
    transport.onError((error) => this.#onTransportError(error));
    transport.onStatus((status) => {
      if (status !== 'connecting') this.#actor.send({ type: `transport.${status}` });
    });
    if (transport.status === 'connected') this.#actor.send({ type: 'transport.connected' });
  }

  /** Whether the bus is leaving, or has left. */
  get ending(): boolean {
    return this.status === 'draining' || this.status === 'closed';
  }

  onStatus(listener: (status: BusStatus) => void): Subscription {
    const call = (status: BusStatus) => listener(status);
    this.#listeners.add(call);
    return { unsubscribe: () => this.#listeners.delete(call) };
  }

  startClosing(): void {
    if (this.status !== 'closed') this.#actor.send({ type: 'close.start' });
  }

  #onState(status: BusStatus): void {
    if (status === this.status) return;
    this.status = status;
    for (const listener of [...this.#listeners]) {
      try {
        listener(status);
      } catch (error) {
        this.#options.onError(error, 'status listener');
      }
    }
  }

  #onTransportError(error: Error): void {
    const { mux, prefix, onError } = this.#options;
    onError(error, 'connection');
    if (!(error instanceof NotPermittedError) || !error.subject.startsWith(prefix)) return;
    mux.failAll(() => error, { address: error.subject.slice(prefix.length) });
  }
}

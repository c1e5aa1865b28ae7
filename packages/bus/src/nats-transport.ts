import {
  type Msg,
  type NatsConnection,
  type NodeConnectionOptions,
  PermissionViolationError,
  type Subscription,
} from '@nats-io/transport-node';
import type { Clock } from './clock.ts';
import { DisconnectedError, NotPermittedError } from './errors.ts';
import { connectOver, ShortWay } from './nats-wire.ts';
import type { Transport, TransportMessage, TransportStatus, TransportSubscription } from './transport.ts';

/** Before the first connection tells the server's own. */
const DEFAULT_MAX_PAYLOAD = 1024 * 1024;
const DRAIN_TIMEOUT_MS = 2_000;

interface Entry {
  readonly subject: string;
  readonly queue: string | undefined;
  readonly onMessage: (message: TransportMessage) => void;
  live: Subscription | undefined;
}

class NatsMessage implements TransportMessage {
  readonly #msg: Msg;
  readonly payload: Uint8Array;
  readonly noResponders: boolean;
  constructor(msg: Msg) {
    this.#msg = msg;
    this.payload = msg.data;
    this.noResponders = this.payload.length === 0 && msg.headers?.code === 503;
  }
  get subject(): string {
    return this.#msg.subject;
  }
  get reply(): string | undefined {
    return this.#msg.reply || undefined;
  }
}

export interface NatsTransportOptions {
  readonly connection: NodeConnectionOptions;
  readonly clock: Clock;
  /** How long to wait before the first connection is tried again. */
  readonly retryDelayMs: () => number;
  /** How many published bytes go between two questions to the server whether it has taken them. */
  readonly markBytes: number;
  /** Names what went wrong with an attempt to connect. */
  readonly failureOf: (cause: unknown) => Error;
}

/** A transport over one NATS connection that is made again for ever. Core NATS only. */
export class NatsTransport implements Transport {
  status: TransportStatus = 'connecting';
  readonly #options: NatsTransportOptions;
  readonly #entries = new Set<Entry>();
  readonly #shortWay = new ShortWay();
  readonly #statusListeners: ((status: TransportStatus) => void)[] = [];
  readonly #errorListeners: ((error: Error) => void)[] = [];
  #connection: NatsConnection | undefined;
  #retryTimer: unknown;
  #closing: Promise<void> | undefined;
  /** Published since the last mark, and before marks that the server has not answered yet. */
  #sinceMark = 0;
  #marked = 0;

  constructor(options: NatsTransportOptions) {
    this.#options = options;
  }

  get maxPayload(): number {
    return this.#connection?.info?.max_payload ?? DEFAULT_MAX_PAYLOAD;
  }

  get bufferedBytes(): number {
    return this.#marked + this.#sinceMark;
  }

  onStatus(listener: (status: TransportStatus) => void): void {
    this.#statusListeners.push(listener);
  }

  onError(listener: (error: Error) => void): void {
    this.#errorListeners.push(listener);
  }

  /** Connects. @throws the named failure of the first attempt; `retry` then goes on trying */
  async connect(): Promise<void> {
    const connection = await connectOver(this.#shortWay, this.#options.connection).catch((cause: unknown) => {
      throw this.#options.failureOf(cause);
    });
    if (this.#closing !== undefined) return connection.close();
    this.#connection = connection;
    for (const entry of this.#entries) this.#open(entry);
    void this.#watch(connection);
    this.#setStatus('connected');
  }

  /** Tries again until connected or closed. Tells `failure`, and later ones that differ from the one before. */
  retry(failure: Error, before?: Error): void {
    if (this.#closing !== undefined) return;
    if (failure.message !== before?.message) this.#tell(failure);
    this.#retryTimer = this.#options.clock.setTimeout(() => {
      this.connect().catch((next: Error) => this.retry(next, failure));
    }, this.#options.retryDelayMs());
  }

  publish(subject: string, payload: Uint8Array, reply?: string): void {
    if (this.#connection === undefined || this.status !== 'connected') throw new DisconnectedError(subject);
    const { wire } = this.#shortWay;
    if (wire !== undefined && payload.length <= this.maxPayload) wire.publish(subject, payload, reply);
    else if (reply === undefined) this.#connection.publish(subject, payload);
    else this.#connection.publish(subject, payload, { reply });
    this.#sinceMark += payload.length;
    if (this.#sinceMark >= this.#options.markBytes) this.#mark(this.#connection);
  }

  subscribe(
    subject: string,
    queue: string | undefined,
    onMessage: (message: TransportMessage) => void,
  ): TransportSubscription {
    const entry: Entry = { subject, queue, onMessage, live: undefined };
    this.#entries.add(entry);
    if (this.#connection !== undefined) this.#open(entry);
    return {
      unsubscribe: () => {
        this.#entries.delete(entry);
        if (entry.live?.isClosed() !== false) return;
        this.#shortWay.leave(entry.live.getID());
        entry.live.unsubscribe();
      },
      drain: async () => {
        this.#entries.delete(entry);
        if (entry.live?.isClosed() !== false) return;
        if (this.status === 'connected') await entry.live.drain();
        else entry.live.unsubscribe();
      },
    };
  }

  async flush(): Promise<void> {
    if (this.#connection === undefined) throw new DisconnectedError('the server');
    await this.#connection.flush();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { clock } = this.#options;
    clock.clearTimeout(this.#retryTimer);
    const connection = this.#connection;
    if (connection !== undefined && !connection.isClosed()) {
      if (this.status === 'connected') {
        let timer: unknown;
        const patience = new Promise<void>((resolve) => {
          timer = clock.setTimeout(resolve, DRAIN_TIMEOUT_MS);
        });
        await Promise.race([connection.drain().catch((error: Error) => this.#tell(error)), patience]);
        clock.clearTimeout(timer);
      }
      await connection.close();
    }
    this.#setStatus('closed');
  }

  #open(entry: Entry): void {
    const take = (message: TransportMessage) => {
      try {
        entry.onMessage(message);
      } catch (thrown) {
        // An exception here would end the read loop without a word.
        this.#tell(thrown instanceof Error ? thrown : new Error(String(thrown)));
      }
    };
    // What the client takes: refusals, no-responders notices, and all messages when there is no short way.
    const callback = (error: Error | null, msg: Msg) => {
      if (error === null) take(new NatsMessage(msg));
      else this.#tell(new NotPermittedError(entry.subject, 'subscribing', { cause: error }));
    };
    const live = this.#connection!.subscribe(
      entry.subject,
      entry.queue === undefined ? { callback } : { callback, queue: entry.queue },
    );
    entry.live = live;
    this.#shortWay.take(live.getID(), take);
    void live.closed.then(() => this.#shortWay.leave(live.getID()));
  }

  /** Asks the server (PING) to tell when it has taken what was published so far. */
  #mark(connection: NatsConnection): void {
    const bytes = this.#sinceMark;
    this.#sinceMark = 0;
    this.#marked += bytes;
    const settled = () => {
      this.#marked = Math.max(0, this.#marked - bytes);
    };
    connection.flush().then(settled, settled);
  }

  async #watch(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect') this.#onDisconnected();
      else if (status.type === 'reconnect') this.#setStatus('connected');
      else if (status.type === 'error') this.#onServerError(status.error);
    }
    if (this.#closing === undefined) {
      const reason = await connection.closed();
      if (reason instanceof Error) this.#tell(reason);
      this.#setStatus('closed');
    }
  }

  #onServerError(error: Error): void {
    const refused = error instanceof PermissionViolationError;
    // A refused subscription is told by its own callback.
    if (refused && error.operation === 'subscription') return;
    this.#tell(refused ? new NotPermittedError(error.subject, 'publishing', { cause: error }) : error);
  }

  #onDisconnected(): void {
    this.#sinceMark = 0;
    this.#setStatus('disconnected');
  }

  #setStatus(status: TransportStatus): void {
    if (this.status === status || this.status === 'closed') return;
    this.status = status;
    for (const listener of this.#statusListeners) listener(status);
  }

  #tell(error: Error): void {
    for (const listener of this.#errorListeners) listener(error);
  }
}

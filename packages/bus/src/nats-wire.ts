import type { Socket } from 'node:net';
import {
  type ConnectionOptions,
  type NatsConnection,
  NatsConnectionImpl,
  type Server,
  setTransportFactory,
  type Transport,
} from '@nats-io/nats-core/internal';
import { LineReader, type LineSink } from './nats-lines.ts';
import { addressesOf, openSocket } from './nats-socket.ts';
import type { TransportMessage } from './transport.ts';

/** What leaves in one turn goes to the socket in pieces of this size, or as one when it is larger. */
const OUT_BYTES = 64 * 1024;
const FRAMING_BYTES = 2;

type OnMessage = (message: TransportMessage) => void;

/** The short way between one connection's sockets and the bus, past the client: messages of the subscriptions that are in it. */
export class ShortWay {
  /** Of the open connection; none while there is none, or when its socket is not one of these. */
  wire: NatsWire | undefined = undefined;
  readonly #takers: (OnMessage | undefined)[] = [];

  take(sid: number, onMessage: OnMessage): void {
    this.#takers[sid] = onMessage;
  }

  leave(sid: number): void {
    this.#takers[sid] = undefined;
  }

  takerOf(sid: number): OnMessage | undefined {
    return this.#takers[sid];
  }
}

type Options = ConnectionOptions & { readonly shortWay?: ShortWay };

/**
 * Connects the NATS client over sockets of ours. The client goes on to do all that a connection is (authentication, subscriptions,
 * heartbeats, reconnects, errors); only messages pass it by: through the client, a frame and its answer cost twice the CPU.
 */
export function connectOver(shortWay: ShortWay, options: ConnectionOptions): Promise<NatsConnection> {
  // The client has one factory for the whole process. Where another library sets its own, reconnects take that: then all goes through the client.
  setTransportFactory({ factory: () => new NatsWire(), dnsResolveFn: addressesOf });
  return NatsConnectionImpl.connect({ ...options, shortWay } as Options);
}

/** A socket as the client wants it, with a short way for messages. */
export class NatsWire implements Transport, LineSink, AsyncIterableIterator<Uint8Array> {
  readonly lang = 'nats.js/ringfort';
  readonly version = '3';
  closeError?: Error;
  #socket: Socket | undefined;
  #shortWay = new ShortWay();
  #connected = false;
  #done = false;
  readonly #reader = new LineReader(this);
  /** What the client is to read, and where it waits for that. */
  readonly #unread: Uint8Array[] = [];
  #reading: ((result: IteratorResult<Uint8Array>) => void) | undefined;
  #out: Buffer = Buffer.allocUnsafeSlow(OUT_BYTES);
  #outBytes = 0;
  #flushing = false;
  #tellClosed!: (error: Error | undefined) => void;
  readonly #closed = new Promise<Error | undefined>((resolve) => {
    this.#tellClosed = resolve;
  });

  get isClosed(): boolean {
    return this.#done;
  }

  async connect(server: Server, options: Options): Promise<void> {
    const socket = await openSocket(server, options, (bytes) => this.#onBytes(bytes));
    this.#socket = socket;
    if (this.#done) {
      socket.destroy();
      return;
    }
    let failure: Error | undefined;
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('close', () => this.#end(failure));
    if (socket.destroyed) return this.#end(undefined);
    this.#connected = true;
    this.#shortWay = options.shortWay ?? this.#shortWay;
    this.#shortWay.wire = this;
  }

  /** Sends one message at the end of this turn, together with the others; `payload` is copied. */
  publish(subject: string, payload: Uint8Array, reply: string | undefined): void {
    const { length } = payload;
    const line = reply === undefined ? `PUB ${subject} ${length}\r\n` : `PUB ${subject} ${reply} ${length}\r\n`;
    this.#room(line.length + length + FRAMING_BYTES);
    const out = this.#out;
    let at = this.#outBytes;
    at += out.write(line, at, 'latin1');
    out.set(payload, at);
    at += length;
    out[at] = 0x0d;
    out[at + 1] = 0x0a;
    this.#outBytes = at + FRAMING_BYTES;
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(this.#flush);
  }

  send(bytes: Uint8Array): void {
    this.#write();
    if (!this.#done) this.#socket?.write(bytes);
  }

  isEncrypted(): boolean {
    return this.#socket !== undefined && 'encrypted' in this.#socket;
  }

  closed(): Promise<Error | undefined> {
    return this.#closed;
  }

  async close(error?: Error): Promise<void> {
    this.#write();
    this.#end(error);
  }

  disconnect(): void {
    this.#write();
    this.#end(undefined);
  }

  discard(): void {
    this.#stop();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    const value = this.#unread.shift();
    if (value !== undefined) return Promise.resolve({ value, done: false });
    if (this.#done) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => {
      this.#reading = resolve;
    });
  }

  takes(sid: number): boolean {
    return this.#shortWay.takerOf(sid) !== undefined;
  }

  message(sid: number, bytes: Buffer, line: number, payload: number, end: number): void {
    this.#shortWay.takerOf(sid)?.(new WireMessage(bytes, line, payload, end));
  }

  rest(bytes: Buffer): void {
    if (this.#reading === undefined) {
      this.#unread.push(bytes);
      return;
    }
    const resolve = this.#reading;
    this.#reading = undefined;
    resolve({ value: bytes, done: false });
  }

  #onBytes(bytes: Buffer): void {
    if (this.#done) return;
    try {
      this.#reader.feed(bytes);
    } catch (error) {
      this.#end(error as Error);
    }
  }

  #room(bytes: number): void {
    if (this.#outBytes + bytes <= this.#out.length) return;
    this.#write();
    if (bytes > this.#out.length) this.#out = Buffer.allocUnsafeSlow(bytes);
  }

  readonly #flush = (): void => {
    this.#flushing = false;
    this.#write();
  };

  #write(): void {
    const bytes = this.#outBytes;
    this.#outBytes = 0;
    const socket = this.#socket;
    if (bytes === 0 || socket === undefined || this.#done) return;
    const part = this.#out.subarray(0, bytes);
    const behind = socket.writableLength > 0;
    socket.write(behind ? Buffer.from(part) : part);
    // What the system has not taken at once still lies there.
    const kept = !behind && socket.writableLength > 0;
    if (kept || this.#out.length > OUT_BYTES) this.#out = Buffer.allocUnsafeSlow(OUT_BYTES);
  }

  /** Tells the client, once, when there was a connection. */
  #end(error: Error | undefined): void {
    const first = !this.#done;
    this.#stop();
    if (!first || !this.#connected) return;
    if (error !== undefined) this.closeError = error;
    this.#tellClosed(error);
  }

  #stop(): void {
    this.#done = true;
    if (this.#shortWay.wire === this) this.#shortWay.wire = undefined;
    this.#socket?.destroy();
    this.#reading?.({ value: undefined, done: true });
    this.#reading = undefined;
  }
}

/** A message that took the short way. */
class WireMessage implements TransportMessage {
  readonly payload: Buffer;
  readonly noResponders = false;
  readonly #bytes: Buffer;
  readonly #line: number;
  readonly #lineEnd: number;

  constructor(bytes: Buffer, line: number, payload: number, end: number) {
    this.payload = bytes.subarray(payload, end);
    this.#bytes = bytes;
    this.#line = line;
    this.#lineEnd = payload;
  }

  get subject(): string {
    return this.#words()[1]!;
  }

  get reply(): string | undefined {
    const words = this.#words();
    return words.length > 4 ? words[3] : undefined;
  }

  /** `MSG subject sid [reply] size` */
  #words(): string[] {
    return this.#bytes.toString('latin1', this.#line, this.#lineEnd - FRAMING_BYTES).split(' ');
  }
}

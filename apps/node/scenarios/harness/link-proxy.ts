import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export type Direction = 'forth' | 'back';

/** How one direction of a link carries what it is given. */
export interface Carriage {
  /** Nothing arrives, and nobody is told: what is sent meanwhile waits in buffers, as TCP's does while packets are dropped. */
  silent: boolean;
  delayMs: number;
  bytesPerSecond: number;
}

const HOST = '127.0.0.1';
/** What one direction holds before it stops reading, so that the sender feels it. */
const MAX_HELD_BYTES = 256 * 1024;
const CLEAR: Carriage = { silent: false, delayMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY };

/** Carries one direction of one connection, in order, as its link's carriage says at that moment. */
class Pump {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #carriage: Carriage;
  readonly #held: { readonly chunk: Buffer; readonly dueMs: number }[] = [];
  #heldBytes = 0;
  #freeMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, carriage: Carriage) {
    this.#from = from;
    this.#to = to;
    this.#carriage = carriage;
    from.on('data', (chunk) => this.#take(chunk));
    to.on('drain', () => this.run());
  }

  #take(chunk: Buffer): void {
    const nowMs = performance.now();
    this.#freeMs = Math.max(nowMs, this.#freeMs) + (1_000 * chunk.length) / this.#carriage.bytesPerSecond;
    this.#held.push({ chunk, dueMs: this.#freeMs + this.#carriage.delayMs });
    this.#heldBytes += chunk.length;
    if (this.#heldBytes > MAX_HELD_BYTES) this.#from.pause();
    this.run();
  }

  /** Passes on what is due. */
  run(): void {
    clearTimeout(this.#timer);
    if (this.#to.destroyed || this.#carriage.silent) return;
    while (this.#held.length > 0 && !this.#to.writableNeedDrain) {
      const { chunk, dueMs } = this.#held[0]!;
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.run(), waitMs);
        return;
      }
      this.#held.shift();
      this.#heldBytes -= chunk.length;
      this.#to.write(chunk);
    }
    if (this.#heldBytes <= MAX_HELD_BYTES) this.#from.resume();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

interface Connection {
  readonly sockets: readonly [Socket, Socket];
  readonly pumps: readonly [Pump, Pump];
}

/** A TCP proxy in front of one port that cuts, silences, delays and throttles what goes through it. */
export class LinkProxy {
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #connections = new Set<Connection>();
  readonly #carriages: Record<Direction, Carriage> = { forth: { ...CLEAR }, back: { ...CLEAR } };
  #isCut = false;
  #carried = 0;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer((socket) => this.#join(socket));
  }

  static async start(targetPort: number): Promise<LinkProxy> {
    const proxy = new LinkProxy(targetPort);
    proxy.#server.listen(0, HOST);
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** `127.0.0.1:41234` */
  get address(): string {
    return `${HOST}:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Bytes that came to it from either side, so far. */
  get carriedBytes(): number {
    return this.#carried;
  }

  /** Ends the connections at once, both sides being told, and refuses new ones. What was on its way is lost. */
  cut(): void {
    this.#isCut = true;
    this.reset();
  }

  /** Ends the connections once; new ones are let through. */
  reset(): void {
    for (const { sockets } of this.#connections) for (const socket of sockets) socket.resetAndDestroy();
  }

  /** Sets how one direction, or both, carry from now on. What is held goes on its way when it may. */
  set(carriage: Partial<Carriage>, directions: readonly Direction[] = ['forth', 'back']): void {
    for (const direction of directions) Object.assign(this.#carriages[direction], carriage);
    for (const { pumps } of this.#connections) for (const pump of pumps) pump.run();
  }

  /** Everything is let through again, at once. */
  heal(): void {
    this.#isCut = false;
    this.set(CLEAR);
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(near: Socket): void {
    if (this.#isCut) {
      near.resetAndDestroy();
      return;
    }
    const far = connect(this.#targetPort, HOST);
    const { forth, back } = this.#carriages;
    const connection: Connection = {
      sockets: [near, far],
      pumps: [new Pump(near, far, forth), new Pump(far, near, back)],
    };
    this.#connections.add(connection);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.setNoDelay(true);
      socket.on('data', (chunk) => {
        this.#carried += chunk.length;
      });
      socket.on('error', () => undefined); // told by the close that follows
      socket.once('close', () => {
        other.destroy();
        for (const pump of connection.pumps) pump.stop();
        this.#connections.delete(connection);
      });
    }
  }
}

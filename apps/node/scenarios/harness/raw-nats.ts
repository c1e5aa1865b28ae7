import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** What came on a subscription. */
export interface RawMessage {
  readonly subject: string;
  readonly reply: string | undefined;
  readonly payload: Buffer;
}

/** The NATS protocol by hand, so that nothing of what is sent was checked by anybody. */
export class RawNats {
  readonly #socket: Socket;
  readonly #onMessage: (message: RawMessage) => void;
  #rest: Buffer = Buffer.alloc(0);
  #pongs: { resolve(): void; reject(error: Error): void }[] = [];
  #sid = 0;

  private constructor(socket: Socket, onMessage: (message: RawMessage) => void) {
    this.#socket = socket;
    this.#onMessage = onMessage;
    socket.on('data', (chunk) => this.#take(chunk));
    socket.once('close', () => {
      for (const { reject } of this.#pongs) reject(new Error('nats-server closed the raw connection'));
    });
  }

  static async connect(url: string, onMessage: (message: RawMessage) => void): Promise<RawNats> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    socket.on('error', () => undefined); // told by the flush that then never ends
    const nats = new RawNats(socket, onMessage);
    socket.write(
      'CONNECT {"verbose":false,"pedantic":false,"headers":false,"lang":"raw","version":"0","protocol":0}\r\n',
    );
    await nats.flush();
    return nats;
  }

  subscribe(subject: string): void {
    this.#sid += 1;
    this.#socket.write(`SUB ${subject} ${this.#sid}\r\n`);
  }

  publish(subject: string, payload: Buffer, reply?: string): void {
    const to = reply === undefined ? subject : `${subject} ${reply}`;
    this.#socket.write(Buffer.concat([Buffer.from(`PUB ${to} ${payload.length}\r\n`), payload, Buffer.from('\r\n')]));
  }

  /** Resolves when the server has taken all that was sent before; rejects when it has closed the connection. */
  flush(): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      if (this.#socket.closed) reject(new Error('nats-server closed the raw connection'));
      this.#pongs.push({ resolve, reject });
      this.#socket.write('PING\r\n');
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const end = this.#rest.indexOf('\r\n');
      if (end < 0) return;
      const words = this.#rest.toString('latin1', 0, end).split(' ');
      const after = end + 2;
      if (words[0] !== 'MSG') {
        if (words[0] === 'PING') this.#socket.write('PONG\r\n');
        if (words[0] === 'PONG') this.#pongs.shift()?.resolve();
        this.#rest = this.#rest.subarray(after);
        continue;
      }
      const length = Number(words.at(-1));
      if (this.#rest.length < after + length + 2) return;
      const payload = Buffer.from(this.#rest.subarray(after, after + length));
      this.#rest = this.#rest.subarray(after + length + 2);
      this.#onMessage({ subject: words[1]!, reply: words.length === 5 ? words[3] : undefined, payload });
    }
  }
}

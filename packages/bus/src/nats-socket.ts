import { lookup } from 'node:dns';
import { readFile } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { type ConnectionOptions as TlsConnectOptions, connect as tlsConnect } from 'node:tls';
import {
  type ConnectionOptions,
  checkOptions,
  errors,
  type Server,
  type TlsOptions,
} from '@nats-io/nats-core/internal';
import { frameMemory } from './frame-memory.ts';

const LF = 0x0a;
const READ_BYTES = 64 * 1024;
const GREETING = /^INFO\s+(\{[^\r\n]*\})\s*\r\n/i;
const MAX_GREETING_BYTES = 1024 * 1024;

/** Where received bytes go; their memory is handed over. */
export type OnBytes = (bytes: Buffer) => void;

/** What is read of the server's greeting here. */
interface Greeting {
  readonly tls_required?: boolean;
  readonly tls_available?: boolean;
}

/** A socket to a NATS server, its greeting read (and handed to `onBytes` like all that follows), TLS on where either side asks for it. */
export async function openSocket(server: Server, options: ConnectionOptions, onBytes: OnBytes): Promise<Socket> {
  const { tls } = options;
  const ear = new Ear();
  let socket = tls?.handshakeFirst ? await secured(server, tls, undefined, ear) : await dialled(server, ear);
  try {
    const info = JSON.parse(await ear.greeting(socket)) as Greeting;
    checkOptions(info as Parameters<typeof checkOptions>[0], options);
    const wanted = info.tls_required === true || (info.tls_available === true && tls !== null);
    if (wanted && !tls?.handshakeFirst) socket = await secured(server, tls, socket, ear);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  ear.handOver(onBytes);
  return socket;
}

/** Holds what arrives until somebody takes it. */
class Ear {
  #held: Buffer = Buffer.alloc(0);
  #onHeld: (() => void) | undefined;
  #onBytes: OnBytes | undefined;

  readonly hear = (bytes: Buffer): void => {
    if (this.#onBytes !== undefined) {
      this.#onBytes(bytes);
      return;
    }
    this.#held = Buffer.concat([this.#held, bytes]);
    this.#onHeld?.();
  };

  /** What the server's first line tells, as JSON. */
  greeting(socket: Socket): Promise<string> {
    return new Promise((resolve, reject) => {
      const fail = (why: string) => () => reject(new errors.ConnectionError(why));
      const lost = fail('the server closed the connection before its greeting');
      this.#onHeld = () => {
        const line = GREETING.exec(this.#held.toString('utf8'));
        if (line === null && this.#held.includes(LF)) fail('unexpected response from server')();
        else if (this.#held.length > MAX_GREETING_BYTES) fail('a greeting without end')();
        if (line === null) return;
        socket.removeListener('close', lost);
        this.#onHeld = undefined;
        resolve(line[1]!);
      };
      socket.once('close', lost);
      this.#onHeld();
    });
  }

  handOver(onBytes: OnBytes): void {
    this.#onBytes = onBytes;
    onBytes(this.#held);
  }
}

/** Read into memory that is used again, and copied out as it is: cheaper than the memory that Node would make for every read. */
function dialled({ hostname, port }: Server, ear: Ear): Promise<Socket> {
  const callback = (count: number, bytes: Uint8Array): boolean => {
    ear.hear(frameMemory((bytes as Buffer).subarray(0, count)));
    return true;
  };
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  return opened(createConnection({ host: hostname, port, noDelay: true, onread: { buffer, callback } }), 'connect');
}

async function secured(
  { hostname, port, tlsName }: Server,
  tls: TlsOptions | null | undefined,
  socket: Socket | undefined,
  ear: Ear,
): Promise<Socket> {
  const options = {
    servername: tlsName,
    rejectUnauthorized: true,
    ...(socket === undefined ? { host: hostname, port } : { socket }),
    ...(tls == null ? {} : await certificatesOf(tls)),
  };
  const made = tlsConnect(options as TlsConnectOptions);
  made.setNoDelay(true);
  made.on('data', ear.hear);
  return opened(made, 'secureConnect');
}

async function certificatesOf({ caFile, certFile, keyFile, handshakeFirst: _, ...given }: TlsOptions) {
  const [ca, cert, key] = await Promise.all([caFile, certFile, keyFile].map((path) => path && readFile(path)));
  return { ...given, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

/** Resolves with the socket when it is open. */
function opened<S extends Socket>(socket: S, event: 'connect' | 'secureConnect'): Promise<S> {
  return new Promise((resolve, reject) => {
    let failure: Error | undefined;
    const failed = (error: Error) => {
      failure = error;
    };
    const closed = () => reject(named(failure));
    socket.once('error', failed);
    socket.once('close', closed);
    socket.once(event, () => {
      socket.removeListener('error', failed);
      socket.removeListener('close', closed);
      // Until somebody else listens: an error without a listener would end the process. `close` follows and tells.
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

function named(failure: Error | undefined): Error {
  if (failure === undefined) return new errors.ConnectionError('the server closed the connection');
  const refused = (failure as NodeJS.ErrnoException).code === 'ECONNREFUSED';
  return refused ? new errors.ConnectionError('connection refused', { cause: failure }) : failure;
}

/** All addresses of a host; the host itself when it has none. */
export function addressesOf(host: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    lookup(host, { all: true }, (error, found) => {
      if (error !== null) reject(error);
      else resolve(found.length > 0 ? found.map(({ address }) => address) : [host]);
    });
  });
}

import {
  type Authenticator,
  credsAuthenticator,
  type NodeConnectionOptions,
  nkeyAuthenticator,
  TimeoutError,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node';
import type { BusOptions } from './bus-parts.ts';
import type { Random } from './clock.ts';
import { type CountedBus, createBus } from './create-bus.ts';
import { ConnectFailedError, InvalidArgumentError } from './errors.ts';
import { defaultLimits } from './limits.ts';
import { NatsTransport } from './nats-transport.ts';
import { systemClock, systemRandom } from './system-clock.ts';

const MARK_BYTES = 1024 * 1024;

export type NatsAuth =
  | { readonly user: string; readonly pass: string }
  | { readonly token: string }
  /** The seed of a user nkey: `SU...`. */
  | { readonly nkeySeed: string }
  /** The text of a `.creds` file: a user JWT and its nkey seed. */
  | { readonly creds: string };

/** PEM texts or paths of PEM files; an empty object asks for TLS with the system's authorities. */
export interface NatsTls {
  readonly ca?: string;
  readonly caFile?: string;
  readonly cert?: string;
  readonly certFile?: string;
  readonly key?: string;
  readonly keyFile?: string;
  /** The server expects TLS before its greeting. */
  readonly handshakeFirst?: boolean;
}

export interface NatsBusOptions extends BusOptions {
  /** `nats://host:port`, one or several of one NATS cluster. */
  readonly servers: string | readonly string[];
  readonly auth?: NatsAuth | undefined;
  readonly tls?: NatsTls | undefined;
  /** Rejects with `CONNECT_FAILED` when the first attempt fails, rather than trying for ever. */
  readonly failFast?: boolean | undefined;
  /** How long one attempt to connect may take. Default 5 s. */
  readonly connectTimeoutMs?: number | undefined;
  /** How often the server is asked for a sign of life; two missed ones end the connection. Default 5 s. */
  readonly pingIntervalMs?: number | undefined;
}

/**
 * A bus over NATS. Resolves once the first attempt to connect has ended: `connected`, or `connecting` when it failed, in which case it is
 * tried for ever (as it is after every loss of the connection).
 * @throws ConnectFailedError with `failFast`; InvalidArgumentError
 */
export async function natsBus(options: NatsBusOptions): Promise<CountedBus> {
  const random = options.random ?? systemRandom;
  const retryDelayMs = () => 100 + random.below(150);
  const { maxBufferedBytes } = { ...defaultLimits, ...options.limits };
  const transport = new NatsTransport({
    connection: connectionOptions(options, random, retryDelayMs),
    clock: options.clock ?? systemClock,
    retryDelayMs,
    markBytes: Math.min(MARK_BYTES, maxBufferedBytes / 8),
    failureOf: (cause) => new ConnectFailedError([options.servers].flat().join(', '), reasonOf(cause), { cause }),
  });
  const bus = createBus(transport, options);
  try {
    await transport.connect();
  } catch (failure) {
    if (options.failFast) {
      await bus.close();
      throw failure;
    }
    transport.retry(failure as Error);
  }
  return bus;
}

/** The client tells a connection that the server ended before it was made just as one that it never answered. */
function reasonOf(cause: unknown): string {
  if (cause instanceof TimeoutError) {
    return 'no answer in time, or closed by the server (its log tells why: TLS client certificate, account limits)';
  }
  return cause instanceof Error ? cause.message : String(cause);
}

function connectionOptions(options: NatsBusOptions, random: Random, retryDelayMs: () => number): NodeConnectionOptions {
  const common: NodeConnectionOptions = {
    servers: typeof options.servers === 'string' ? options.servers : [...options.servers],
    name: `ringfort.${options.cluster}.${options.self}.${Buffer.from(random.bytes(4)).toString('hex')}`,
    noEcho: true,
    noAsyncTraces: true,
    reconnect: true,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectDelayHandler: retryDelayMs,
    pingInterval: options.pingIntervalMs ?? 5_000,
    maxPingOut: 2,
    timeout: options.connectTimeoutMs ?? 5_000,
  };
  if (options.auth !== undefined) common.authenticator = checkedAuthenticator(options.auth);
  if (options.tls !== undefined) common.tls = { ...options.tls };
  return common;
}

/** The client only times out on credentials that it cannot use: so they are tried here. @throws InvalidArgumentError */
function checkedAuthenticator(auth: NatsAuth): Authenticator {
  const made = authenticator(auth);
  try {
    made('a nonce to sign');
  } catch (cause) {
    throw new InvalidArgumentError(`the ${Object.keys(auth).join(' and ')} cannot be used`, undefined, { cause });
  }
  return made;
}

function authenticator(auth: NatsAuth): Authenticator {
  const bytes = (text: string) => new TextEncoder().encode(text);
  if ('token' in auth) return tokenAuthenticator(auth.token);
  if ('nkeySeed' in auth) return nkeyAuthenticator(bytes(auth.nkeySeed));
  if ('creds' in auth) return credsAuthenticator(bytes(auth.creds));
  return usernamePasswordAuthenticator(auth.user, auth.pass);
}

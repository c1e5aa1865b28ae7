import type { Bus, Clock, NatsAuth, NatsTls, Random } from '@ringfort/bus';

/** Bounds of what a client does by itself. All have defaults. */
export interface RetryOptions {
  /** Nodes that may get one request at most; those that turn out to be gone do not count. Default 3. */
  readonly maxAttempts?: number;
  /** A get without an answer by then also asks the next node; its first one becomes suspect. Milliseconds, default 250. */
  readonly hedgeMs?: number;
  /** Also repeats writes whose fate is not known: at the price of a possible sibling of the same value. Default false. */
  readonly retryIndeterminate?: boolean;
}

interface CommonOptions {
  /** Default deadline of a request in milliseconds. Default 2,000. */
  readonly timeoutMs?: number;
  readonly retry?: RetryOptions;
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface ServerOptions extends CommonOptions {
  /** `nats://host:port`, one or several of one NATS cluster. */
  readonly servers: string | readonly string[];
  /** The cluster's name. Default `ringfort`. */
  readonly cluster?: string;
  readonly auth?: NatsAuth;
  readonly tls?: NatsTls;
  /** 1 to 32 letters, digits, `-`, `_`; unique among clients. Default: random. */
  readonly clientId?: string;
}

/** For a bus that the caller made, and closes. Its identity is the client's. */
export interface BusOptions extends CommonOptions {
  readonly bus: Bus;
}

export type ConnectOptions = ServerOptions | BusOptions;

export interface Settings {
  readonly timeoutMs: number;
  readonly maxAttempts: number;
  readonly hedgeMs: number;
  readonly retryIndeterminate: boolean;
  /** Requests that may wait for a connection. */
  readonly maxWaiting: number;
  /** A view is asked for at most once within this time. */
  readonly refreshIntervalMs: number;
  readonly maxRefreshIntervalMs: number;
  readonly probeMinMs: number;
  readonly probeMaxMs: number;
}

export function settingsOf({ timeoutMs, retry }: CommonOptions): Settings {
  return {
    timeoutMs: timeoutMs ?? 2000,
    maxAttempts: Math.max(1, retry?.maxAttempts ?? 3),
    hedgeMs: retry?.hedgeMs ?? 250,
    retryIndeterminate: retry?.retryIndeterminate ?? false,
    maxWaiting: 4096,
    refreshIntervalMs: 500,
    maxRefreshIntervalMs: 5000,
    probeMinMs: 250,
    probeMaxMs: 5000,
  };
}

import { Batcher } from './batcher.ts';
import { checked } from './checks.ts';
import type { Clock, Random } from './clock.ts';
import { Connection } from './connection.ts';
import { clusterNameSchema, identitySchema } from './contract.ts';
import { DeadlineWheel } from './deadline-wheel.ts';
import { DisconnectedError } from './errors.ts';
import { Intake } from './intake.ts';
import { type BusLimits, type Counters, defaultLimits, zeroCounters } from './limits.ts';
import { Mux } from './mux.ts';
import { Replies } from './replies.ts';
import { Server } from './server.ts';
import { endOfTurn, type Schedule, systemClock, systemRandom } from './system-clock.ts';
import type { Transport } from './transport.ts';

export interface BusOptions {
  readonly cluster: string;
  /** `node.<id>` or `client.<id>`; unique in the cluster. */
  readonly self: string;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly limits?: Partial<BusLimits> | undefined;
  /** Puts sending off to the end of the turn; by default as the clock is (see `endOfTurn`). */
  readonly schedule?: Schedule | undefined;
  /** Told of every failure that no caller is told of: by default a process warning. */
  readonly onError?: ((error: unknown, where: string) => void) | undefined;
}

export type OnError = (error: unknown, where: string) => void;

/** The parts of a bus, wired to each other and to the transport. */
export interface BusParts {
  readonly self: string;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly limits: BusLimits;
  readonly counters: Counters;
  readonly onError: OnError;
  readonly wheel: DeadlineWheel;
  readonly mux: Mux;
  readonly batcher: Batcher;
  readonly server: Server;
  readonly intake: Intake;
  readonly connection: Connection;
}

/** @throws InvalidArgumentError */
export function assembleParts(transport: Transport, options: BusOptions): BusParts {
  const self = checked(identitySchema, options.self);
  const prefix = `ringfort.${checked(clusterNameSchema, options.cluster)}.`;
  const clock = options.clock ?? systemClock;
  const limits = { ...defaultLimits, ...options.limits };
  const common = {
    transport,
    clock,
    limits,
    prefix,
    self,
    counters: zeroCounters(),
    onError: reporter(options.onError, clock),
  };
  const { counters, onError } = common;
  const wheel = new DeadlineWheel(clock);
  const mux = new Mux({
    wheel,
    maxPending: limits.maxPending,
    firstId: (options.random ?? systemRandom).below(2 ** 30),
    onThrow: (error) => onError(error, 'callback of a call'),
  });
  const onSendFailed = (error: unknown, address: string | undefined) => {
    counters.dropped++;
    onError(error, `sending to ${address ?? 'a peer'}`);
    if (address === undefined) return;
    mux.failAll(() => new DisconnectedError(address, { cause: error }), { address, remote: true });
  };
  const schedule = options.schedule ?? endOfTurn(clock);
  const batcher = new Batcher({ ...common, schedule, onSendFailed });
  const server = new Server({ ...common, batcher });
  const intake = new Intake({
    ...common,
    wheel,
    answerError: (header, id, error) => server.answerError(header, id, error),
  });
  server.intake = intake;
  const replies = new Replies({ mux, batcher, intake, counters });
  transport.subscribe(`${prefix}${self}.replies.*`, undefined, (message) => replies.onMessage(message));
  const connection = new Connection({ ...common, mux, batcher });
  return { ...common, wheel, mux, batcher, server, intake, connection };
}

/** Tells whoever wants to be told, and never throws: it is called from loops that must go on. */
function reporter(told: OnError | undefined, clock: Clock): OnError {
  const warn = rareWarnings(clock);
  if (told === undefined) return warn;
  return (error, where) => {
    try {
      told(error, where);
    } catch (thrown) {
      warn(error, where);
      warn(thrown, 'onError');
    }
  };
}

const WARN_EVERY_MS = 1000;
const MAX_KINDS = 64;

/**
 * What an unheard failure ends in, when nobody asked to be told: a warning of the process. One a second of each code, with the number left out since: whoever
 * may publish could fill the log of an application with malformed messages else.
 */
function rareWarnings(clock: Clock): OnError {
  const kinds = new Map<string, { nextMs: number; leftOut: number }>();
  return (error, where) => {
    const nowMs = clock.monotonicMs();
    const kind = String((error as { code?: unknown } | undefined)?.code);
    const known = kinds.get(kind);
    if (known !== undefined && nowMs < known.nextMs) {
      known.leftOut++;
      return;
    }
    const more = known === undefined || known.leftOut === 0 ? '' : `; and ${known.leftOut} more like it before`;
    process.emitWarning(error instanceof Error ? error : new Error(String(error)), { detail: where + more });
    if (kinds.size >= MAX_KINDS) kinds.clear();
    kinds.set(kind, { nextMs: nowMs + WARN_EVERY_MS, leftOut: 0 });
  };
}

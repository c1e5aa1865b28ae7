import type { Clock } from '@ringfort/bus';
import type { LogEntry } from '@ringfort/membership';
import { type Logger, pino } from 'pino';
import type { NodeConfig } from './config.ts';

/** JSON lines on standard error; quiet by default (`warn`). */
export function createLog(config: Pick<NodeConfig, 'id' | 'logLevel'>): Logger {
  const destination = pino.destination({ dest: 2, sync: true });
  // Where the log goes the disk may be full as well. A lost line is no reason to end the node, and there is nowhere to say it.
  destination.on('error', () => undefined);
  return pino({ level: config.logLevel, base: { node: config.id } }, destination);
}

/** The log as membership writes to it. */
export function membershipLog(log: Logger): (entry: LogEntry) => void {
  return ({ level, code, message, details }) => log[level]({ code, ...details }, message);
}

const quietMs = 1000;
const maxPlaces = 256;

/** Warnings that may come by the thousand (a full disk under load): one a second from each place, with the number left out since. */
export class RarelyLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #places = new Map<string, { nextMs: number; leftOut: number }>();

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  warn(where: string, err: unknown, message: string): void {
    const nowMs = this.#clock.monotonicMs();
    const place = `${where} ${String((err as { code?: unknown } | undefined)?.code)}`;
    const known = this.#places.get(place);
    if (known !== undefined && nowMs < known.nextMs) {
      known.leftOut += 1;
      return;
    }
    this.#log.warn({ err, where, ...(known === undefined ? {} : { leftOut: known.leftOut }) }, message);
    if (this.#places.size >= maxPlaces) this.#places.clear();
    this.#places.set(place, { nextMs: nowMs + quietMs, leftOut: 0 });
  }
}

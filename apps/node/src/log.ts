import type { LogEntry } from '@ringfort/membership';
import { type Logger, pino } from 'pino';
import type { NodeConfig } from './config.ts';

/** JSON lines on standard error; quiet by default (`warn`). */
export function createLog(config: Pick<NodeConfig, 'id' | 'logLevel'>): Logger {
  return pino({ level: config.logLevel, base: { node: config.id } }, pino.destination({ dest: 2, sync: true }));
}

/** The log as membership writes to it. */
export function membershipLog(log: Logger): (entry: LogEntry) => void {
  return ({ level, code, message, details }) => log[level]({ code, ...details }, message);
}

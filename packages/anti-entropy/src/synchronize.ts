import { type Bus, type Clock, systemClock } from '@ringfort/bus';
import { startExchange } from './exchange.ts';
import type { ExchangeOutcome } from './exchange-machine.ts';
import { type AntiEntropyLimits, defaultLimits } from './limits.ts';
import { Pace } from './pace.ts';
import type { Replica } from './port.ts';

export interface SynchronizeOptions {
  readonly bus: Bus;
  /** The node that serves the other replica. */
  readonly peer: string;
  readonly replica: Replica;
  /** 0 by default: whatever both sides call so. */
  readonly partition?: number;
  readonly clock?: Clock;
  readonly limits?: Partial<AntiEntropyLimits>;
}

/**
 * Makes a replica and the one that a peer serves equal, once, both ways.
 * @throws what made it end early; what was merged by then stays
 */
export async function synchronize(options: SynchronizeOptions): Promise<ExchangeOutcome> {
  const { partition = 0, clock = systemClock } = options;
  // Nobody but the caller writes here: a difference is no write under way, unless the caller says so.
  const limits = { ...defaultLimits, settleMs: 0, ...options.limits };
  const pace = new Pace(clock, limits.bytesPerSecond);
  const faults: Error[] = [];
  const { outcome } = startExchange({
    ...options,
    partition,
    clock,
    limits,
    paceMs: (bytes) => pace.afterMs(bytes),
    owesHints: () => false,
    onFault: (fault) => faults.push(fault),
  });
  const result = await outcome;
  const error = result.error ?? faults[0];
  if (error !== undefined) throw error;
  return result;
}

import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { InterruptedError, RateNotSustainedError } from './errors.ts';
import type { Session } from './session.ts';
import type { Operation } from './workload-core.ts';

/** Where operations come from, and who is told that one was acknowledged. */
export interface Source {
  next(): Operation;
  acknowledged(operation: Operation): void;
}

export interface LoopOptions {
  readonly session: Session;
  readonly source: Source;
  readonly seconds: number;
  readonly signal: AbortSignal;
}

export interface LoopResult {
  readonly operations: number;
  /** From the first start to the last end. */
  readonly seconds: number;
}

/** At so many failures a loop ends early: there will be no result. */
const MAX_FAILURES = 100;
const MAX_IN_FLIGHT = 8_192;
/** How long an open loop waits, after its time, for what is still under way. */
const OVERTIME_SECONDS = 5;
const TICK_MS = 1;

/** Closed loop: so many clients, each with one operation on its way, the next as soon as that has ended. */
export async function closedLoop(options: LoopOptions & { clients: number }): Promise<LoopResult> {
  const { session, source, seconds, signal, clients } = options;
  const startMs = performance.now();
  const endMs = startMs + seconds * 1_000;
  let operations = 0;
  const client = async (): Promise<void> => {
    for (;;) {
      const nowMs = performance.now();
      if (nowMs >= endMs || session.failed >= MAX_FAILURES || signal.aborted) return;
      const operation = source.next();
      if (await session.run(operation, nowMs)) source.acknowledged(operation);
      operations += 1;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  if (signal.aborted) throw new InterruptedError();
  return { operations, seconds: (performance.now() - startMs) / 1_000 };
}

/**
 * Open loop: operations begin at a steady rate, whether or not earlier ones have ended; each one's latency counts from when it should have
 * begun, so that a stall shows in every operation that it delayed (no coordinated omission).
 */
export async function openLoop(options: LoopOptions & { rate: number }): Promise<LoopResult> {
  const { session, source, seconds, signal, rate } = options;
  const total = Math.round(rate * seconds);
  const startMs = performance.now();
  const limitMs = startMs + (seconds + OVERTIME_SECONDS) * 1_000;
  let begun = 0;
  let ended = 0;
  const begin = (operation: Operation, dueMs: number): void => {
    session.run(operation, dueMs).then((acknowledged) => {
      if (acknowledged) source.acknowledged(operation);
      ended += 1;
    });
  };
  while (ended < total && session.failed < MAX_FAILURES) {
    if (signal.aborted) throw new InterruptedError();
    const nowMs = performance.now();
    if (nowMs > limitMs) throw new RateNotSustainedError(session.target.name, rate, total - ended);
    for (; begun < total && begun - ended < MAX_IN_FLIGHT; begun += 1) {
      const dueMs = startMs + (begun * 1_000) / rate;
      if (dueMs > nowMs) break;
      begin(source.next(), dueMs);
    }
    await sleep(TICK_MS);
  }
  return { operations: ended, seconds: Math.max(seconds, (performance.now() - startMs) / 1_000) };
}

/** Runs `task` for every number below `count`, so many at a time, until done, interrupted or failing. */
export async function eachOf(
  count: number,
  { session, signal, inFlight, done }: { session: Session; signal: AbortSignal; inFlight: number; done(): void },
  task: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count && session.failed < MAX_FAILURES && !signal.aborted) {
      const index = next;
      next += 1;
      await task(index);
      done();
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, worker));
  if (signal.aborted) throw new InterruptedError();
}

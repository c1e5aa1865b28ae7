import { createActor, fromPromise } from 'xstate';
import { type ExchangeOutcome, exchangeMachine, MOST_DELAYS } from './exchange-machine.ts';
import { type ExchangeParts, ExchangeSteps, type Listed, type Page } from './exchange-steps.ts';
import type { RecordName } from './port.ts';

/** An exchange under way. */
export interface RunningExchange {
  /** Never rejects; never resolves once it was stopped. */
  readonly outcome: Promise<ExchangeOutcome>;
  stop(): void;
}

export interface ExchangeOptions extends ExchangeParts {
  /** How long to wait before the next message, after so many bytes of objects. */
  readonly paceMs: (bytes: number) => number;
  /** Whether this side has hints for the other that it is about to deliver. */
  readonly owesHints: () => boolean;
}

/** Makes this side's replica and a peer's equal, once. */
export function startExchange(options: ExchangeOptions): RunningExchange {
  const { partition, peer, clock, limits, paceMs, owesHints } = options;
  const steps = new ExchangeSteps(options);
  const machine = exchangeMachine.provide({
    actors: {
      compareLeaves: fromPromise(() => steps.compareLeaves()),
      listRecords: fromPromise<Listed, { leaves: readonly number[]; after: RecordName | undefined }>(({ input }) =>
        steps.listRecords(input.leaves, input.after),
      ),
      moveObjects: fromPromise<Awaited<ReturnType<ExchangeSteps['moveObjects']>>, Page>(({ input }) =>
        steps.moveObjects(input),
      ),
    },
    guards: {
      mayBeUnderWay: (_, leaves) => (leaves.length <= limits.fewLeaves && limits.settleMs > 0) || owesHints(),
      hintsAreOwed: ({ context }) => context.delays < MOST_DELAYS && owesHints(),
    },
    delays: {
      settle: limits.settleMs,
      pace: ({ context }) => paceMs(context.lastBytes),
      stepLimit: 2 * limits.timeoutMs,
    },
  });
  const actor = createActor(machine, { input: { partition, peer }, clock });
  const outcome = new Promise<ExchangeOutcome>((resolve) => {
    actor.subscribe({
      // One that is stopped completes too, and comes to nothing.
      complete: () => {
        const { status, output } = actor.getSnapshot();
        if (status === 'done' && output !== undefined) resolve(output);
      },
      error: (error) => resolve({ ...nothingMoved, error }),
    });
  });
  actor.start();
  return { outcome, stop: () => actor.stop() };
}

const nothingMoved = { completed: false, sent: 0, received: 0, bytesSent: 0, bytesReceived: 0 };

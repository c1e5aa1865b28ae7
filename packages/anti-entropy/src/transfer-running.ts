import type { Transfer, TransferEvent, TransferProgress, TransferVerified } from './transfer-api.ts';
import { TransferAbortedError, TransferStalledError } from './transfer-errors.ts';
import { type ReceiveEffects, Receiver } from './transfer-receive.ts';
import type { ReceiveContext } from './transfer-receive-machine.ts';
import type { TransferState } from './transfer-state-core.ts';

type Phase = TransferProgress['phase'];

const phases: Readonly<Record<string, Phase>> = {
  choosing: 'opening',
  opening: 'opening',
  streaming: 'streaming',
  comparing: 'comparing',
  judging: 'comparing',
  settling: 'comparing',
  keeping: 'comparing',
  backingOff: 'backingOff',
};

export interface RunningOptions {
  readonly state: TransferState;
  readonly effects: ReceiveEffects & { readonly onFault: (fault: unknown, where: string) => void };
  readonly tell: (event: TransferEvent) => void;
}

/** A transfer under way at its receiver: what its owner holds in hand, around the actor that does it. */
export class Running {
  readonly transfer: Transfer;
  readonly #options: RunningOptions;
  readonly #receiver: Receiver;
  #settle!: { resolve: (outcome: TransferVerified) => void; reject: (error: Error) => void };
  #onEnd: () => void = () => undefined;
  #isOver = false;

  constructor(options: RunningOptions) {
    this.#options = options;
    const { state, effects, tell } = options;
    const { partition, source } = state;
    this.#receiver = new Receiver(effects, state, {
      progress: (context) =>
        tell({
          type: 'transfer.progressed',
          progress: progressOf(context, context.state.isPassComplete ? 'comparing' : 'streaming'),
        }),
      failed: (context) =>
        tell({ type: 'transfer.failedOnce', progress: progressOf(context, 'backingOff'), error: context.error }),
      corrupt: (records) => tell({ type: 'transfer.corruptAtSource', partition, source, records }),
    });
    this.transfer = this.#handle();
  }

  begin(onEnd: () => void): void {
    const { actor } = this.#receiver;
    const { effects, state } = this.#options;
    this.#onEnd = onEnd;
    actor.subscribe({
      complete: () => this.#completed(),
      error: (error) => {
        effects.onFault(error, `receiving partition ${state.partition} from ${state.source}`);
        this.#fail(new TransferStalledError(state.partition, state.source, 1, error));
      },
    });
    actor.start();
  }

  /** Stops at once, keeps where it was, and waits for the merge under way. */
  async close(error: Error): Promise<void> {
    this.#fail(error);
    this.#receiver.actor.stop();
    await this.#receiver.idle();
  }

  #handle(): Transfer {
    const { partition, source } = this.#options.state;
    const done = new Promise<TransferVerified>((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Nobody has to wait for it: events tell the same.
    done.catch(() => undefined);
    const { actor } = this.#receiver;
    const abort = async () => {
      if (actor.getSnapshot().status !== 'active') return;
      actor.send({ type: 'abort.start' });
      await done.catch((error: unknown) => {
        if (!(error instanceof TransferAbortedError)) throw error;
      });
    };
    return {
      partition,
      source,
      done,
      abort,
      get progress() {
        const { value, context } = actor.getSnapshot();
        const state = typeof value === 'string' ? value : Object.keys(value)[0]!;
        return progressOf(context, phases[state] ?? 'ending');
      },
    };
  }

  #completed(): void {
    const { value, context } = this.#receiver.actor.getSnapshot();
    const { partition, source } = context.state;
    if (value === 'verified') this.#succeed(outcomeOf(context));
    else if (value === 'aborted') this.#fail(new TransferAbortedError(partition, source));
    else this.#fail(new TransferStalledError(partition, source, context.failures, context.error));
  }

  #succeed(outcome: TransferVerified): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onEnd();
    this.#options.tell({ type: 'transfer.verified', outcome });
    this.#settle.resolve(outcome);
  }

  #fail(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onEnd();
    const { partition, source } = this.#options.state;
    this.#options.tell({ type: 'transfer.ended', partition, source, error });
    this.#settle.reject(error);
  }
}

function progressOf({ state, totalRecords, failures }: ReceiveContext, phase: Phase): TransferProgress {
  const { partition, source, records, bytes, pass } = state;
  const total = totalRecords === undefined ? undefined : Math.max(totalRecords, records);
  const totalBytes = total === undefined || records === 0 ? undefined : Math.round((total * bytes) / records);
  return { partition, source, phase, records, bytes, totalRecords: total, totalBytes, pass, failures };
}

function outcomeOf({ state, compared }: ReceiveContext): TransferVerified {
  const { partition, source, records, bytes, pass, corruptRecords, corrupt } = state;
  const { unsettled, ahead } = compared;
  return {
    partition,
    source,
    records,
    bytes,
    passes: pass,
    leavesInFlight: unsettled.size,
    leavesAhead: ahead,
    corruptRecords,
    corrupt,
  };
}

import type { Bus, Clock, Random } from '@ringfort/bus';
import { type Actor, createActor, fromPromise } from 'xstate';
import {
  type TransferFrame,
  transferAddress,
  transferClose,
  transferLeaves,
  transferNext,
  transferOpen,
} from './transfer-contract.ts';
import { TransferBarrierMovedError, TransferFrameCorruptError } from './transfer-errors.ts';
import { isWhole } from './transfer-frame-core.ts';
import { leavesAhead, unsettledLeaves } from './transfer-leaves-core.ts';
import type { TransferLimits } from './transfer-limits.ts';
import type { TransferStore } from './transfer-port.ts';
import type { RateLimiter } from './transfer-rate.ts';
import {
  backoffMs,
  type LeavesCompared,
  type ReceiveContext,
  type ReceiveEvent,
  type StreamOpened,
  transferReceiveMachine,
} from './transfer-receive-machine.ts';
import {
  advanced,
  encodeState,
  fetchedLeaves,
  isAtStart,
  isUnbound,
  startedOver,
  stateKey,
  type TransferState,
} from './transfer-state-core.ts';

export interface ReceiveEffects {
  readonly bus: Bus;
  readonly store: TransferStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly limiter: RateLimiter;
  readonly limits: TransferLimits;
}

/** Told of what happens to a transfer. */
export interface ReceiveListener {
  progress(context: ReceiveContext): void;
  failed(context: ReceiveContext): void;
  corrupt(names: readonly { readonly bucket: string; readonly key: string }[], context: ReceiveContext): void;
}

export type ReceiveActor = Actor<typeof transferReceiveMachine>;

/** Before a frame is asked for again that was not to be had yet. */
const askAgainMs = 20;

/** The receiving side of one partition: an actor, and the merges that it has under way. */
export class Receiver {
  readonly actor: ReceiveActor;
  readonly #fx: ReceiveEffects;
  readonly #listener: ReceiveListener;
  #merging: Promise<void> = Promise.resolve();

  constructor(fx: ReceiveEffects, state: TransferState, listener: ReceiveListener) {
    this.#fx = fx;
    this.#listener = listener;
    const { limits, clock } = fx;
    this.actor = createActor(this.#machine(), { input: { state, limits }, clock });
  }

  /** Resolves when nothing is being merged. */
  idle(): Promise<void> {
    return this.#merging;
  }

  #machine(): typeof transferReceiveMachine {
    return transferReceiveMachine.provide({
      actors: {
        openStream: fromPromise<StreamOpened, TransferState>(({ input, signal }) => this.#open(input, signal)),
        compareLeaves: fromPromise<LeavesCompared, TransferState>(({ input, signal }) => this.#compare(input, signal)),
        keepVerified: fromPromise<TransferState, TransferState>(({ input }) =>
          this.#keep({ ...input, isVerified: true }),
        ),
        forgetState: fromPromise<void, TransferState>(({ input }) =>
          this.#fx.store.putMeta(stateKey(input), undefined),
        ),
      },
      // From half of it to all: transfers that failed together do not come back together.
      delays: { backoff: ({ context }) => (backoffMs(context) * (1000 + this.#fx.random.below(1001))) / 2000 },
      actions: {
        askForFrames: ({ context }, seqs) => {
          for (const seq of seqs) this.#ask(context.state, seq, context.credits.acked);
        },
        mergeFrame: ({ context }, frame) => {
          this.#merging = this.#merge(context.state, frame).then(
            (state) => this.#send({ type: 'frame.merged', state }),
            (error: unknown) => this.#send({ type: 'merge.failed', error }),
          );
          if (frame.corrupt.length > 0) this.#listener.corrupt(frame.corrupt, context);
        },
        reportProgress: ({ context }) => this.#listener.progress(context),
        reportFailure: ({ context }) => this.#listener.failed(context),
        closeStream: ({ context }) => this.#close(context.state),
      },
    });
  }

  /** Nothing for an actor that has ended. */
  #send(event: ReceiveEvent): void {
    if (this.actor.getSnapshot().status === 'active') this.actor.send(event);
  }

  async #keep(state: TransferState): Promise<TransferState> {
    await this.#fx.store.putMeta(stateKey(state), encodeState(state));
    return state;
  }

  /** The attempt is on disk before anybody hears of it: no two streams ever have one number. */
  async #open(before: TransferState, signal: AbortSignal): Promise<StreamOpened> {
    const { bus, store, limits } = this.#fx;
    const state = await this.#keep({ ...before, attempt: before.attempt + 1 });
    signal.throwIfAborted();
    const { partition, transfer, attempt, acked, cursor, wanted } = state;
    const request = {
      partition,
      transfer,
      attempt,
      acked,
      ...(cursor === undefined ? {} : { after: cursor }),
      ...(wanted === undefined ? {} : { leaves: [...wanted.keys()] }),
      maxFrames: limits.maxFramesInFlight,
      maxItems: limits.maxFrameItems,
      maxBytes: limits.maxFrameBytes,
    };
    const reply = await bus.request(transferAddress(state.source), transferOpen, request, {
      timeoutMs: limits.requestTimeoutMs,
    });
    signal.throwIfAborted();
    const { storeId, barrier, records: totalRecords } = reply;
    if (storeId === state.storeId && barrier === state.barrier && barrier === store.barrier(partition))
      return { state, startsOver: false, totalRecords };
    await this.#adoptBarrier(partition, barrier);
    signal.throwIfAborted();
    const over = await this.#keep(startedOver(state, storeId, barrier));
    return { state: over, startsOver: !isAtStart(state), totalRecords };
  }

  /** What the source sends must not be older than what this node knows of; what this node holds must not be older than what is sent. */
  async #adoptBarrier(partition: number, barrier: number): Promise<void> {
    const { store } = this.#fx;
    const own = store.barrier(partition);
    if (barrier < own) throw new TransferBarrierMovedError(partition, barrier, own);
    if (barrier > own) await store.raiseBarrier(partition, barrier);
  }

  /** @param acked as it is now: a credit carries the latest acknowledgement */
  #ask(state: TransferState, seq: number, acked: number, delayMs = this.#fx.limiter.waitMs()): void {
    if (delayMs > 0) this.#fx.clock.setTimeout(() => this.#askLater(state, seq), delayMs);
    else this.#askNow(state, seq, acked);
  }

  #askLater(state: TransferState, seq: number): void {
    const { status, context } = this.actor.getSnapshot();
    if (status === 'active' && context.state.attempt === state.attempt) this.#ask(state, seq, context.credits.acked);
  }

  #askNow(state: TransferState, seq: number, acked: number): void {
    const { bus, limits } = this.#fx;
    const { partition, transfer, attempt, source } = state;
    const request = { partition, transfer, attempt, seq, acked };
    bus.call(transferAddress(source), transferNext, request, { timeoutMs: limits.requestTimeoutMs }, (error, reply) => {
      if (reply === undefined) this.#send({ type: 'frame.failed', attempt, error });
      else if (reply.frame !== undefined) this.#send({ type: 'frame.arrived', attempt, frame: reply.frame });
      else if (reply.ended !== true) this.#ask(state, seq, acked, askAgainMs);
    });
  }

  /** Records first, the last of them synced, and then the cursor behind them: what is acknowledged is on disk. */
  async #merge(state: TransferState, frame: TransferFrame): Promise<TransferState> {
    const { store, limiter, limits } = this.#fx;
    const { partition, barrier } = state;
    if (!isWhole(partition, frame)) throw new TransferFrameCorruptError(partition, frame.seq);
    if (frame.barrier !== barrier) throw new TransferBarrierMovedError(partition, frame.barrier, barrier);
    const last = frame.records.length - 1;
    const writes = frame.records.map(({ bucket, key, object }, index) =>
      store.write({ partition, bucket, key }, object, { sync: index === last, barrier }),
    );
    for (const write of await Promise.allSettled(writes)) if (write.status === 'rejected') throw write.reason;
    const after = await this.#keep(advanced(state, frame, limits.maxCorruptIds));
    limiter.spend(after.bytes - state.bytes);
    return after;
  }

  async #compare(before: TransferState, signal: AbortSignal): Promise<LeavesCompared> {
    const { bus, store, limits } = this.#fx;
    const { partition, source } = before;
    const { storeId, barrier, leaves } = await bus.request(
      transferAddress(source),
      transferLeaves,
      { partition },
      { timeoutMs: limits.requestTimeoutMs },
    );
    const isFirst = isUnbound(before);
    if (isFirst) {
      signal.throwIfAborted();
      await this.#adoptBarrier(partition, barrier);
    }
    const state = isFirst ? { ...before, storeId, barrier } : before;
    const theirs = new Map(leaves.map(({ leaf, digest }) => [leaf, digest]));
    const ours = store.leaves(partition);
    const fetched = fetchedLeaves(state);
    const isSame = storeId === state.storeId && barrier === state.barrier;
    return {
      state,
      isFirst,
      sourceChanged: !isSame || state.barrier !== store.barrier(partition),
      unsettled: unsettledLeaves(theirs, ours, fetched),
      ahead: leavesAhead(theirs, ours, fetched),
    };
  }

  #close({ partition, transfer, attempt, source }: TransferState): void {
    // The next attempt may have been made already. Nobody waits for an answer: if this is lost, the source forgets the stream in time.
    const request = { partition, transfer, attempt: attempt + 1 };
    if (this.#fx.bus.status === 'connected') this.#fx.bus.publish(transferAddress(source), transferClose, request);
  }
}

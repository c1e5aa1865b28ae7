import type { Clock, DeadlineWheel, Done } from '@ringfort/bus';
import { type Actor, createActor, fromPromise } from 'xstate';
import type {
  TransferFrame,
  TransferNextReply,
  TransferNextRequest,
  TransferOpenReply,
  TransferOpenRequest,
} from './transfer-contract.ts';
import {
  TransferCreditExceededError,
  TransferExistsError,
  TransferFrameGoneError,
  TransferRefusedError,
  TransferSupersededError,
  TransfersBusyError,
  TransfersClosedError,
  TransferUnknownError,
} from './transfer-errors.ts';
import { frameBytes } from './transfer-frame-core.ts';
import type { TransferLimits } from './transfer-limits.ts';
import type { TransferStore } from './transfer-port.ts';
import type { RateLimiter } from './transfer-rate.ts';
import { newStream, readFrame, type Stream } from './transfer-send-core.ts';
import { transferSendMachine } from './transfer-send-machine.ts';

export interface SendEffects {
  readonly nodeId: string;
  readonly store: TransferStore;
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
  readonly limiter: RateLimiter;
  readonly limits: TransferLimits;
  /** Whether this node may hand out the partition: it owns it, and holds all of it. */
  readonly maySend: (partition: number, target: string) => boolean;
  readonly onFault: (fault: unknown, where: string) => void;
}

/** What a node sends of one partition to one other node. */
export interface Sending {
  readonly partition: number;
  readonly target: string;
  readonly acknowledgedFrames: number;
  readonly records: number;
  readonly bytes: number;
}

type StreamName = Pick<TransferNextRequest, 'partition' | 'transfer' | 'attempt'>;

interface Session {
  readonly request: TransferOpenRequest;
  readonly opened: TransferOpenReply;
  readonly actor: Actor<typeof transferSendMachine>;
  /** Who asked for a frame: more than one where a message came twice. */
  readonly asks: Map<number, Done<TransferNextReply>[]>;
  readonly target: string;
  acked: number;
  records: number;
  bytes: number;
}

const notYet: TransferNextReply = {};
const ended: TransferNextReply = { ended: true };

/** The sending side of a node: streams that others have opened, by partition and receiver. */
export class Senders {
  readonly #fx: SendEffects;
  readonly #sessions = new Map<string, Session>();
  #isClosed = false;

  constructor(fx: SendEffects) {
    this.#fx = fx;
  }

  get sendings(): Sending[] {
    return [...this.#sessions.values()].map(({ request, target, acked, records, bytes }) => ({
      partition: request.partition,
      target,
      acknowledgedFrames: acked,
      records,
      bytes,
    }));
  }

  /** A later attempt of the same transfer takes the place of the earlier one; the same attempt twice is a message that came twice. */
  open(request: TransferOpenRequest, target: string): TransferOpenReply {
    const { nodeId, limits, maySend } = this.#fx;
    const { partition, transfer, attempt } = request;
    if (this.#isClosed) throw new TransfersClosedError(nodeId);
    if (!maySend(partition, target)) throw new TransferRefusedError(nodeId, partition, target);
    const name = sessionName(partition, target);
    const known = this.#sessions.get(name);
    if (known !== undefined) {
      if (known.request.transfer !== transfer) throw new TransferExistsError(partition, target, nodeId);
      if (attempt === known.request.attempt) return known.opened;
      if (attempt < known.request.attempt) throw new TransferSupersededError(partition, attempt, known.request.attempt);
      this.#end(name, new TransferSupersededError(partition, known.request.attempt, attempt));
    } else if (this.#sessions.size >= limits.maxSending) {
      throw new TransfersBusyError(nodeId, 'sends', limits.maxSending);
    }
    const session = this.#begin(name, request, target);
    return session.opened;
  }

  next(request: TransferNextRequest, target: string, timeoutMs: number, done: Done<TransferNextReply>): void {
    const { nodeId, wheel, limits, maySend } = this.#fx;
    const { partition, seq, acked } = request;
    const session = this.#session(request, target);
    if (session === undefined) throw new TransferUnknownError(nodeId, partition);
    if (!maySend(partition, target)) {
      const refused = new TransferRefusedError(nodeId, partition, target);
      this.#end(sessionName(partition, target), refused);
      throw refused;
    }
    session.acked = Math.max(session.acked, acked);
    const highest = session.acked + Math.min(session.request.maxFrames, limits.maxFramesInFlight);
    if (seq > highest) throw new TransferCreditExceededError(partition, seq, highest);
    session.asks.set(seq, [...(session.asks.get(seq) ?? []), done]);
    wheel.after(timeoutMs / 2, () => {
      if (session.asks.get(seq)?.includes(done) === true) session.actor.send({ type: 'frame.waitedLong', seq });
    });
    session.actor.send({ type: 'frame.asked', seq });
  }

  /** The receiver is done with this attempt and those before it; harmless when nothing is open. */
  close({ partition, transfer, attempt }: StreamName, target: string): void {
    const session = this.#sessions.get(sessionName(partition, target));
    if (session?.request.transfer === transfer && session.request.attempt <= attempt)
      session.actor.send({ type: 'stream.close' });
  }

  closeAll(): void {
    this.#isClosed = true;
    for (const name of [...this.#sessions.keys()]) this.#end(name, new TransfersClosedError(this.#fx.nodeId));
  }

  #session({ partition, transfer, attempt }: StreamName, target: string): Session | undefined {
    const session = this.#sessions.get(sessionName(partition, target));
    if (session === undefined || session.request.transfer !== transfer) return undefined;
    if (session.request.attempt !== attempt)
      throw new TransferSupersededError(partition, attempt, session.request.attempt);
    return session;
  }

  #begin(name: string, request: TransferOpenRequest, target: string): Session {
    const { store, clock, limits } = this.#fx;
    const { partition, acked, after } = request;
    const records = store.estimateRecords(partition);
    const session: Session = {
      request,
      opened: {
        storeId: store.storeId,
        barrier: store.barrier(partition),
        ...(records === undefined ? {} : { records }),
      },
      asks: new Map(),
      target,
      acked,
      records: 0,
      bytes: 0,
      actor: createActor(
        this.#machine(request, (): Session => session),
        {
          input: { stream: newStream(acked, after), leaseMs: limits.leaseMs },
          clock,
        },
      ),
    };
    this.#sessions.set(name, session);
    const over = (error: unknown) => {
      if (this.#sessions.get(name) === session) this.#end(name, error);
    };
    session.actor.subscribe({
      complete: () => over(session.actor.getSnapshot().context.error ?? new TransferUnknownError(target, partition)),
      error: (error) => {
        this.#fx.onFault(error, `sending partition ${partition} to ${target}`);
        over(error);
      },
    });
    session.actor.start();
    return session;
  }

  #machine(request: TransferOpenRequest, session: () => Session): typeof transferSendMachine {
    const { store, limiter, limits } = this.#fx;
    const { partition } = request;
    const leaves = request.leaves === undefined ? undefined : new Set(request.leaves);
    const maxItems = Math.min(request.maxItems, limits.maxFrameItems);
    const maxBytes = Math.min(request.maxBytes, limits.maxFrameBytes);
    const answer = (seq: number, error: Error | undefined, reply?: TransferNextReply) => {
      const asks = session().asks.get(seq) ?? [];
      session().asks.delete(seq);
      for (const done of asks) done(error, reply);
    };
    return transferSendMachine.provide({
      actors: {
        readFrame: fromPromise<TransferFrame, Stream>(async ({ input }) =>
          readFrame(store, { partition, seq: input.nextSeq, after: input.after, leaves, maxItems, maxBytes }),
        ),
      },
      guards: { rateAllows: () => limiter.waitMs() === 0 },
      delays: { untilRateAllows: () => limiter.waitMs() },
      actions: {
        answerFrame: (_, frame) => {
          const bytes = frameBytes(frame);
          limiter.spend(bytes);
          session().records += frame.records.length;
          session().bytes += bytes;
          answer(frame.seq, undefined, { frame });
        },
        answerNotYet: (_, { seq }) => answer(seq, undefined, notYet),
        refuseSent: (_, seqs) => {
          for (const seq of seqs) answer(seq, new TransferFrameGoneError(partition, seq));
        },
        answerEnded: (_, seqs) => {
          for (const seq of seqs) answer(seq, undefined, ended);
        },
      },
    });
  }

  /** Whoever still waits for a frame learns why there is none. */
  #end(name: string, error: unknown): void {
    const session = this.#sessions.get(name);
    if (session === undefined) return;
    this.#sessions.delete(name);
    session.actor.stop();
    const reason = error instanceof Error ? error : new Error(String(error));
    for (const done of [...session.asks.values()].flat()) done(reason);
    session.asks.clear();
  }
}

const sessionName = (partition: number, target: string): string => `${partition}/${target}`;

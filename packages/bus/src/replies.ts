import type { Batcher } from './batcher.ts';
import { unpackError } from './body-codec.ts';
import { BusError, NoRespondersError, PeerLostError, RemoteError } from './errors.ts';
import { type FrameMessage, MessageKind } from './frame-core.ts';
import type { Intake, ReceivedFrame } from './intake.ts';
import type { Counters } from './limits.ts';
import type { Mux, Pending } from './mux.ts';
import type { TransportMessage } from './transport.ts';

/** The asking side's ear: takes replies, errors and no-responders notices, and ends the requests that they are for. */
export class Replies {
  readonly #mux: Mux;
  readonly #batcher: Batcher;
  readonly #intake: Intake;
  readonly #counters: Counters;

  constructor(parts: { mux: Mux; batcher: Batcher; intake: Intake; counters: Counters }) {
    this.#mux = parts.mux;
    this.#batcher = parts.batcher;
    this.#intake = parts.intake;
    this.#counters = parts.counters;
  }

  onMessage(message: TransportMessage): void {
    if (message.noResponders) {
      const sent = this.#batcher.requestsOf(message.subject);
      if (sent === undefined) return;
      // What left in this frame reached nobody. What was sent earlier may have been delivered to a node that has died since.
      const { address } = sent;
      this.#mux.failFrame(
        sent,
        () => new NoRespondersError(address),
        () => new PeerLostError(address),
      );
      return;
    }
    const frame = this.#intake.receive(message, false);
    if (frame === undefined) return;
    for (const inner of frame.messages) {
      if (inner.kind === MessageKind.reply) this.#onReply(frame, inner);
      else if (inner.kind === MessageKind.error) this.#onError(frame, inner, message);
      else this.#counters.malformed++;
    }
  }

  #onReply(frame: ReceivedFrame, { id, start, end }: FrameMessage): void {
    const pending = this.#mux.get(id);
    if (pending === undefined) {
      this.#counters.late++;
      return;
    }
    let reply: unknown;
    try {
      const { contract, codec } = pending;
      reply = codec.read('the reply to', contract.verb, frame.header.version, frame.bytes, start, end);
    } catch (error) {
      this.#onUnreadable(pending, error);
      return;
    }
    this.#mux.resolve(pending, reply);
  }

  #onError(frame: ReceivedFrame, { id, start, end }: FrameMessage, message: TransportMessage): void {
    const pending = this.#mux.get(id);
    if (pending === undefined && id !== 0) {
      this.#counters.late++;
      return;
    }
    try {
      const error = unpackError(frame.bytes, start, end);
      // An error that names no request is about the whole frame that it answers.
      const sent = pending === undefined ? this.#batcher.requestsOf(message.subject) : undefined;
      if (pending !== undefined) this.#mux.fail(pending, new RemoteError(error));
      else if (sent !== undefined) this.#mux.failFrame(sent, () => new RemoteError(error));
    } catch (error) {
      this.#onUnreadable(pending, error);
    }
  }

  #onUnreadable(pending: Pending | undefined, error: unknown): void {
    if (!(error instanceof BusError)) throw error;
    if (pending !== undefined) this.#mux.fail(pending, error);
    else this.#counters.malformed++;
  }
}

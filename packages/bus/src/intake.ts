import { packError, wireErrorOf } from './body-codec.ts';
import type { Clock } from './clock.ts';
import { PROTOCOL_VERSION } from './contract.ts';
import type { DeadlineWheel } from './deadline-wheel.ts';
import { MalformedFrameError, MessageTooLargeError, ProtocolMismatchError } from './errors.ts';
import { type Fragment, Reassembler, readFragment } from './fragment-core.ts';
import {
  asBuffer,
  type FrameHeader,
  FrameKind,
  type FrameMessage,
  FrameWriter,
  MessageKind,
  NO_VERB,
  readHeader,
  readMessages,
} from './frame-core.ts';
import type { BusLimits, Counters } from './limits.ts';
import type { WireError } from './port.ts';
import type { Transport, TransportMessage } from './transport.ts';

/** A whole, well-formed frame. */
export interface ReceivedFrame {
  readonly bytes: Buffer;
  readonly header: FrameHeader;
  readonly messages: readonly FrameMessage[];
}

export interface IntakeOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
  readonly limits: BusLimits;
  readonly counters: Counters;
  readonly prefix: string;
  readonly self: string;
  readonly answerError: (header: FrameHeader, id: number, error: WireError) => void;
}

const MAX_SENDERS = 4096;
const IDENTITY = /^(node|client)\.[A-Za-z0-9_-]{1,64}$/;
const REPLY_SUBJECT_TAIL = /^(node|client)\.[A-Za-z0-9_-]{1,64}\.replies\.[0-9]{1,16}$/;

/** Turns what arrives into frames: checks, joins fragments, counts what is wrong, and answers where it can. Never throws. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #reassembler: Reassembler;
  readonly #senders = new Set<string>();
  #watching = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
    const { limits } = options;
    this.#reassembler = new Reassembler({
      maxMessageBytes: limits.maxMessageBytes,
      maxSetsPerSender: limits.maxFragmentSets,
      maxSenders: limits.maxFragmentSenders,
      maxBytes: limits.maxFragmentBytes,
      maxAgeMs: limits.fragmentTimeoutMs,
    });
  }

  /** Cut messages that never became whole. */
  get abandoned(): number {
    return this.#reassembler.abandoned;
  }

  /** `shared`: other members of a queue group get frames of the same subject, so that a cut message cannot be joined here. */
  receive(message: TransportMessage, shared: boolean): ReceivedFrame | undefined {
    const { counters } = this.#options;
    const bytes = asBuffer(message.payload);
    counters.framesIn++;
    counters.bytesIn += bytes.length;
    try {
      return this.#read(bytes, shared);
    } catch (error) {
      if (error instanceof ProtocolMismatchError) this.#onMismatch(error, message);
      else if (error instanceof MalformedFrameError) counters.malformed++;
      else throw error;
      return undefined;
    }
  }

  #read(bytes: Buffer, shared: boolean): ReceivedFrame | undefined {
    const header = readHeader(bytes);
    this.#checkSender(header.from);
    if (header.kind === FrameKind.messages) return this.#whole(bytes, header);
    const fragment = readFragment(bytes, header);
    if (shared) return this.#refuse(header, fragment);
    const joined = this.#reassembler.add(header.from, fragment, this.#options.clock.monotonicMs());
    if (joined === undefined) {
      this.#watchAge();
      return undefined;
    }
    const inner = readHeader(joined);
    if (inner.kind !== FrameKind.messages || inner.from !== header.from)
      throw new MalformedFrameError('nested fragments');
    return this.#whole(joined, inner);
  }

  /** @throws MalformedFrameError for what is no identity; those that are are remembered. */
  #checkSender(from: string): void {
    if (this.#senders.has(from)) return;
    if (!IDENTITY.test(from)) throw new MalformedFrameError('no identity');
    if (this.#senders.size >= MAX_SENDERS) this.#senders.clear();
    this.#senders.add(from);
  }

  /** Frees what never becomes whole, while there is anything. */
  #watchAge(): void {
    if (this.#watching || this.#reassembler.size === 0) return;
    this.#watching = true;
    const { wheel, clock, limits } = this.#options;
    wheel.after(limits.fragmentTimeoutMs + 1, () => {
      this.#watching = false;
      this.#reassembler.expire(clock.monotonicMs());
      this.#watchAge();
    });
  }

  #whole(bytes: Buffer, header: FrameHeader): ReceivedFrame {
    const messages = readMessages(bytes, header);
    this.#options.counters.messagesIn += messages.length;
    return { bytes, header, messages };
  }

  #refuse(header: FrameHeader, fragment: Fragment): undefined {
    const { counters, transport, answerError } = this.#options;
    counters.malformed++;
    if (fragment.kind !== MessageKind.request || fragment.index !== 0) return;
    const error = new MessageTooLargeError('a shared address', fragment.totalBytes, transport.maxPayload);
    answerError(header, fragment.id, wireErrorOf(error));
  }

  /** An error that names no request: the asker ends all that it asked of this address. */
  #onMismatch(error: ProtocolMismatchError, message: TransportMessage): void {
    const { counters, prefix, self, transport } = this.#options;
    counters.mismatched++;
    const { reply } = message;
    if (reply === undefined || !reply.startsWith(prefix) || !REPLY_SUBJECT_TAIL.test(reply.slice(prefix.length)))
      return;
    if (transport.status !== 'connected') return;
    const writer = new FrameWriter(PROTOCOL_VERSION, self);
    const body = packError(wireErrorOf(error));
    writer.append(MessageKind.error, 0, NO_VERB, 0, 0, body.bytes, body.length);
    transport.publish(reply, writer.take());
  }
}

import { MalformedFrameError } from './errors.ts';
import { encodeHeader, type FrameHeader, FrameKind, MessageKind, readU32, writeU32 } from './frame-core.ts';

/*
 * The rest of a fragment (see frame-core.ts): set u32 | index u16 | count u16 | bytes of the whole u32 | kind u8 and id u32 of the message
 * inside | piece. The pieces of one set, joined, are a frame with one message. `kind` and `id` let a receiver that cannot take it answer.
 */
const FIXED_BYTES = 17;
const MAX_COUNT = 0xffff;
/** What keeping a piece costs beside its bytes, so that many tiny ones are bounded too. */
const PIECE_OVERHEAD_BYTES = 128;

export interface Fragment {
  readonly set: number;
  readonly index: number;
  readonly count: number;
  readonly totalBytes: number;
  readonly kind: MessageKind;
  readonly id: number;
  readonly piece: Buffer;
}

/** Cuts a frame with one message into fragments of at most `maxBytes` each. */
export function splitFrame(
  frame: Buffer,
  message: { version: number; from: string; kind: MessageKind; id: number; set: number },
  maxBytes: number,
): Buffer[] {
  const header = encodeHeader(message.version, FrameKind.fragment, message.from);
  const pieceBytes = maxBytes - header.length - FIXED_BYTES;
  const count = Math.ceil(frame.length / pieceBytes);
  if (pieceBytes < 1 || count > MAX_COUNT)
    throw new RangeError(`a frame of ${frame.length} bytes does not fit in ${maxBytes}`);
  return Array.from({ length: count }, (_, index) => {
    const fixed = Buffer.alloc(FIXED_BYTES);
    writeU32(fixed, 0, message.set);
    fixed.writeUInt16LE(index, 4);
    fixed.writeUInt16LE(count, 6);
    writeU32(fixed, 8, frame.length);
    fixed[12] = message.kind;
    writeU32(fixed, 13, message.id);
    return Buffer.concat([header, fixed, frame.subarray(index * pieceBytes, (index + 1) * pieceBytes)]);
  });
}

/** @throws MalformedFrameError */
export function readFragment(frame: Buffer, header: FrameHeader): Fragment {
  const at = header.offset;
  if (frame.length <= at + FIXED_BYTES) throw new MalformedFrameError('cut inside a fragment');
  const fragment: Fragment = {
    set: readU32(frame, at),
    index: frame.readUInt16LE(at + 4),
    count: frame.readUInt16LE(at + 6),
    totalBytes: readU32(frame, at + 8),
    kind: frame[at + 12] as MessageKind,
    id: readU32(frame, at + 13),
    piece: frame.subarray(at + FIXED_BYTES),
  };
  if (fragment.count < 2 || fragment.index >= fragment.count || fragment.totalBytes < fragment.count) {
    throw new MalformedFrameError('impossible fragment numbers');
  }
  if (fragment.kind < MessageKind.request || fragment.kind > MessageKind.event) {
    throw new MalformedFrameError(`message kind ${fragment.kind} in a fragment`);
  }
  return fragment;
}

interface PartialSet {
  readonly count: number;
  readonly totalBytes: number;
  readonly pieces: Map<number, Buffer>;
  readonly sinceMs: number;
  bytes: number;
}

export interface ReassemblyLimits {
  /** The largest message. */
  readonly maxMessageBytes: number;
  /** Messages under assembly per sender; the oldest is given up for a new one. */
  readonly maxSetsPerSender: number;
  /** Senders with messages under assembly; the oldest is given up for a new one. */
  readonly maxSenders: number;
  /** Bytes under assembly in all; the oldest sender's are given up for new ones. */
  readonly maxBytes: number;
  /** How long the pieces of one message may take. */
  readonly maxAgeMs: number;
}

/** Joins fragments. Bounded in count, bytes and time for each sender; time is told by the caller. */
export class Reassembler {
  /** Sets that were given up: too old, or too many. */
  abandoned = 0;
  #bytes = 0;
  readonly #senders = new Map<string, Map<number, PartialSet>>();
  readonly #limits: ReassemblyLimits;

  constructor(limits: ReassemblyLimits) {
    this.#limits = limits;
  }

  /** Whole frames under assembly. */
  get size(): number {
    let sets = 0;
    for (const sender of this.#senders.values()) sets += sender.size;
    return sets;
  }

  /** The joined frame once its last piece is in. @throws MalformedFrameError */
  add(from: string, fragment: Fragment, nowMs: number): Buffer | undefined {
    if (fragment.totalBytes > this.#limits.maxMessageBytes) throw new MalformedFrameError('message beyond the limit');
    this.expire(nowMs);
    while (this.#bytes + fragment.piece.length > this.#limits.maxBytes && this.#senders.size > 0) this.#giveUpSender();
    const sets = this.#setsOf(from);
    const set = this.#setOf(from, sets, fragment, nowMs);
    if (set.count !== fragment.count || set.totalBytes !== fragment.totalBytes) {
      this.#forget(from, sets, fragment.set);
      throw new MalformedFrameError('fragments disagree');
    }
    if (set.pieces.has(fragment.index)) return undefined;
    set.pieces.set(fragment.index, Buffer.from(fragment.piece));
    set.bytes += fragment.piece.length;
    this.#bytes += fragment.piece.length + PIECE_OVERHEAD_BYTES;
    if (set.pieces.size < set.count && set.bytes <= set.totalBytes) return undefined;
    this.#forget(from, sets, fragment.set);
    if (set.bytes !== set.totalBytes) throw new MalformedFrameError('fragments do not add up to their total');
    const inOrder = [...set.pieces].sort(([a], [b]) => a - b).map(([, piece]) => piece);
    return Buffer.concat(inOrder, set.totalBytes);
  }

  /** Gives up what is older than the limit. */
  expire(nowMs: number): void {
    for (const [from, sets] of this.#senders) {
      for (const [id, set] of sets) {
        if (nowMs - set.sinceMs <= this.#limits.maxAgeMs) continue;
        this.#forget(from, sets, id);
        this.abandoned++;
      }
    }
  }

  #setsOf(from: string): Map<number, PartialSet> {
    let sets = this.#senders.get(from);
    if (sets === undefined) {
      if (this.#senders.size >= this.#limits.maxSenders) this.#giveUpSender();
      sets = new Map();
      this.#senders.set(from, sets);
    }
    return sets;
  }

  #setOf(from: string, sets: Map<number, PartialSet>, fragment: Fragment, nowMs: number): PartialSet {
    let set = sets.get(fragment.set);
    if (set === undefined) {
      if (sets.size >= this.#limits.maxSetsPerSender) this.#giveUpSet(from, sets);
      const { count, totalBytes } = fragment;
      set = { count, totalBytes, pieces: new Map(), sinceMs: nowMs, bytes: 0 };
      sets.set(fragment.set, set);
      // The sender was forgotten with its last set.
      this.#senders.set(from, sets);
    }
    return set;
  }

  /** Gives up all of the sender that has been assembling for longest. */
  #giveUpSender(): void {
    for (const [from, sets] of this.#senders) {
      while (sets.size > 0) this.#giveUpSet(from, sets);
      return;
    }
  }

  #giveUpSet(from: string, sets: Map<number, PartialSet>): void {
    for (const id of sets.keys()) {
      this.#forget(from, sets, id);
      this.abandoned++;
      return;
    }
  }

  #forget(from: string, sets: Map<number, PartialSet>, id: number): void {
    const set = sets.get(id);
    if (set !== undefined) this.#bytes -= set.bytes + set.pieces.size * PIECE_OVERHEAD_BYTES;
    sets.delete(id);
    if (sets.size === 0) this.#senders.delete(from);
  }
}

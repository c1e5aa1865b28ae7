import { MAX_VERB_LENGTH, PREVIOUS_PROTOCOL_VERSION, PROTOCOL_VERSION, SPOKEN_VERSIONS } from './contract.ts';
import { InvalidArgumentError, MalformedFrameError, ProtocolMismatchError } from './errors.ts';

/*
 * A frame, numbers little-endian:
 *   'R' 'F' | version u8 | frame kind u8 | length u8 + sender identity | rest
 * The rest of a frame of messages is, until its end:
 *   kind u8 | id u32 | length u8 + verb | barrier u32 (since version 2) | timeoutMs u32 | length u32 + body
 * The rest of a fragment is described in fragment-core.ts.
 */
const MAGIC_0 = 0x52;
const MAGIC_1 = 0x46;
const MAX_U32 = 0xffffffff;

export const FrameKind = { messages: 1, fragment: 2 } as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];
export const MessageKind = { request: 1, reply: 2, error: 3, event: 4 } as const;
export type MessageKind = (typeof MessageKind)[keyof typeof MessageKind];

export interface FrameHeader {
  readonly version: number;
  readonly kind: FrameKind;
  readonly from: string;
  /** Where the rest begins. */
  readonly offset: number;
}

/** One message of a frame; its body is `frame.subarray(start, end)`. */
export interface FrameMessage {
  readonly kind: MessageKind;
  /** Correlates a reply or an error with its request; 0 for an event. */
  readonly id: number;
  readonly verb: string;
  readonly barrier: number;
  readonly timeoutMs: number;
  readonly start: number;
  readonly end: number;
}

/** Views bytes as a Buffer, whose number and string readers are the fast ones; no copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Reads what precedes the messages. @throws MalformedFrameError, ProtocolMismatchError */
export function readHeader(frame: Buffer): FrameHeader {
  if (frame.length < 5 || frame[0] !== MAGIC_0 || frame[1] !== MAGIC_1) throw new MalformedFrameError('no magic');
  const version = frame[2]!;
  if (version !== PROTOCOL_VERSION && version !== PREVIOUS_PROTOCOL_VERSION) {
    throw new ProtocolMismatchError(version, SPOKEN_VERSIONS);
  }
  const kind = frame[3]!;
  if (kind !== FrameKind.messages && kind !== FrameKind.fragment) throw new MalformedFrameError(`frame kind ${kind}`);
  const offset = 5 + frame[4]!;
  if (offset > frame.length) throw new MalformedFrameError('cut inside the sender');
  return { version, kind, from: frame.toString('latin1', 5, offset), offset };
}

/** Reads all messages of a frame, or none. @throws MalformedFrameError */
export function readMessages(frame: Buffer, header: FrameHeader): FrameMessage[] {
  const messages: FrameMessage[] = [];
  const fixed = header.version >= 2 ? 12 : 8;
  let offset = header.offset;
  while (offset < frame.length) {
    if (offset + 6 > frame.length) throw new MalformedFrameError('cut inside a message');
    const kind = frame[offset]!;
    if (kind < MessageKind.request || kind > MessageKind.event) throw new MalformedFrameError(`message kind ${kind}`);
    const id = readU32(frame, offset + 1);
    const verbEnd = offset + 6 + frame[offset + 5]!;
    const start = verbEnd + fixed;
    if (start > frame.length) throw new MalformedFrameError('cut inside a message');
    const end = start + readU32(frame, start - 4);
    if (end > frame.length) throw new MalformedFrameError('cut inside a body');
    messages.push({
      kind: kind as MessageKind,
      id,
      verb: verbEnd === offset + 6 ? '' : frame.toString('latin1', offset + 6, verbEnd),
      barrier: fixed === 12 ? readU32(frame, verbEnd) : 0,
      timeoutMs: readU32(frame, start - 8),
      start,
      end,
    });
    offset = end;
  }
  return messages;
}

export function readU32(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24)) >>> 0;
}

export function writeU32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
  bytes[offset + 2] = value >>> 16;
  bytes[offset + 3] = value >>> 24;
}

/** The bytes that begin every frame of a sender. */
export function encodeHeader(version: number, kind: FrameKind, from: string): Buffer {
  const sender = Buffer.from(from, 'latin1');
  if (sender.length > 255) throw new InvalidArgumentError(`the identity ${from} is too long`);
  return Buffer.concat([Buffer.from([MAGIC_0, MAGIC_1, version, kind, sender.length]), sender]);
}

const FIRST_BYTES = 1024;
/** Frames beyond it are handed over with their memory rather than copied. */
const KEEP_BYTES = 16 * 1024;
const MAX_HINT_BYTES = 128 * 1024;

/** Writes messages one after the other into a frame. Its memory is reused while small. */
export class FrameWriter {
  readonly version: number;
  /** Messages since the last `take`. */
  count = 0;
  /** Bytes of the frame so far, its header included. */
  bytes: number;
  readonly #header: Buffer;
  #buffer: Buffer;
  /** How large the next buffer is made: as the last large frame was. */
  #hint = FIRST_BYTES;

  constructor(version: number, from: string) {
    this.version = version;
    this.#header = encodeHeader(version, FrameKind.messages, from);
    this.#buffer = this.#fresh(FIRST_BYTES);
    this.bytes = this.#header.length;
  }

  /** Bytes of a frame without messages. */
  get headerBytes(): number {
    return this.#header.length;
  }

  /** Bytes that a message takes. */
  sizeOf(verb: Uint8Array, bodyBytes: number): number {
    return (this.version >= 2 ? 18 : 14) + verb.length + bodyBytes;
  }

  append(kind: MessageKind, id: number, verb: Uint8Array, barrier: number, timeoutMs: number, body: Uint8Array): void {
    const needed = this.bytes + this.sizeOf(verb, body.length);
    if (needed > this.#buffer.length) this.#grow(needed);
    const buffer = this.#buffer;
    let offset = this.bytes;
    buffer[offset] = kind;
    writeU32(buffer, offset + 1, id);
    buffer[offset + 5] = verb.length;
    offset += 6;
    for (let i = 0; i < verb.length; i++) buffer[offset + i] = verb[i]!;
    offset += verb.length;
    if (this.version >= 2) {
      writeU32(buffer, offset, barrier);
      offset += 4;
    }
    writeU32(buffer, offset, timeoutMs);
    writeU32(buffer, offset + 4, body.length);
    buffer.set(body, offset + 8);
    this.bytes = needed;
    this.count++;
  }

  /** The frame so far, in memory of its own; the writer begins the next one. */
  take(): Buffer {
    const used = this.#buffer.subarray(0, this.bytes);
    const large = this.bytes > KEEP_BYTES;
    const frame = large ? used : Buffer.from(used);
    if (large) {
      this.#hint = Math.min(this.bytes + (this.bytes >> 2), MAX_HINT_BYTES);
      this.#buffer = this.#header;
    }
    this.drop();
    return frame;
  }

  /** Forgets the messages so far. */
  drop(): void {
    this.count = 0;
    this.bytes = this.#header.length;
  }

  #fresh(bytes: number): Buffer {
    const buffer = Buffer.allocUnsafeSlow(Math.max(bytes, this.#header.length));
    buffer.set(this.#header, 0);
    return buffer;
  }

  #grow(needed: number): void {
    const buffer = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2, this.#hint));
    buffer.set(this.#buffer.subarray(0, this.bytes), 0);
    this.#buffer = buffer;
    this.#hint = FIRST_BYTES;
  }
}

/** The verb of answers: their id tells what they answer. */
export const NO_VERB = Buffer.alloc(0);
const verbs = new Map<string, Buffer>();

const MAX_CACHED_VERBS = 1024;

/** A verb as it travels. @throws InvalidArgumentError */
export function encodeVerb(verb: string): Buffer {
  const known = verbs.get(verb);
  if (known !== undefined) return known;
  if (!/^[!-~]+$/.test(verb) || verb.length > MAX_VERB_LENGTH) {
    throw new InvalidArgumentError(
      `a verb is 1 to ${MAX_VERB_LENGTH} visible ASCII characters, not ${JSON.stringify(verb)}`,
    );
  }
  const bytes = Buffer.from(verb, 'latin1');
  if (verbs.size < MAX_CACHED_VERBS) verbs.set(verb, bytes);
  return bytes;
}

/** Whether a number can travel as barrier or timeout. */
export function isU32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= MAX_U32;
}

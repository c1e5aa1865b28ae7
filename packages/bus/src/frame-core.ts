import { AsciiCache } from './ascii-cache.ts';
import { MAX_VERB_LENGTH, POSITIONAL_SINCE, SPOKEN_VERSIONS } from './contract.ts';
import { InvalidArgumentError, MalformedFrameError, ProtocolMismatchError } from './errors.ts';
import { frameMemory } from './frame-memory.ts';

/*
 * A frame, numbers little-endian:
 *   'R' 'F' | version u8 | frame kind u8 | length u8 + sender identity | rest
 * The rest of a frame of messages is, until its end:
 *   kind u8 | id u32 | length u8 + verb | barrier u32 | timeoutMs u32 | length u32 + body
 * Since version 3 replies and errors have neither verb nor barrier nor timeoutMs:
 *   kind u8 | id u32 | length u32 + body
 * Bodies are MessagePack; since version 3 the fields of an object that its contract names travel by position (see body-plan.ts).
 * The rest of a fragment is described in fragment-core.ts.
 */
const MAGIC_0 = 0x52;
const MAGIC_1 = 0x46;
const MAX_U32 = 0xffffffff;
/** Bytes of a message beside its verb and body. */
const ASKING_BYTES = 18;
const ANSWER_BYTES = 9;
/** The names that frames repeat: senders and verbs. */
const names = new AsciiCache();

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
  if (!SPOKEN_VERSIONS.includes(version)) throw new ProtocolMismatchError(version, SPOKEN_VERSIONS);
  const kind = frame[3]!;
  if (kind !== FrameKind.messages && kind !== FrameKind.fragment) throw new MalformedFrameError(`frame kind ${kind}`);
  const offset = 5 + frame[4]!;
  if (offset > frame.length) throw new MalformedFrameError('cut inside the sender');
  return { version, kind, from: names.read(frame, 5, offset), offset };
}

/** Reads all messages of a frame, or none. @throws MalformedFrameError */
export function readMessages(frame: Buffer, header: FrameHeader): FrameMessage[] {
  const messages: FrameMessage[] = [];
  let offset = header.offset;
  while (offset < frame.length) {
    const message = readMessage(frame, offset, header.version);
    messages.push(message);
    offset = message.end;
  }
  return messages;
}

function readMessage(frame: Buffer, offset: number, version: number): FrameMessage {
  if (offset + ANSWER_BYTES > frame.length) throw new MalformedFrameError('cut inside a message');
  const kind = frame[offset] as MessageKind;
  if (kind < MessageKind.request || kind > MessageKind.event) throw new MalformedFrameError(`message kind ${kind}`);
  const id = readU32(frame, offset + 1);
  const short = isShort(version, kind);
  const verbEnd = short ? offset + 5 : offset + 6 + frame[offset + 5]!;
  const start = short ? offset + ANSWER_BYTES : verbEnd + 12;
  if (start > frame.length) throw new MalformedFrameError('cut inside a message');
  const end = start + readU32(frame, start - 4);
  if (end > frame.length) throw new MalformedFrameError('cut inside a body');
  return {
    kind,
    id,
    verb: short ? '' : names.read(frame, offset + 6, verbEnd),
    barrier: short ? 0 : readU32(frame, verbEnd),
    timeoutMs: short ? 0 : readU32(frame, verbEnd + 4),
    start,
    end,
  };
}

/** Whether a message has an id and a body only. */
function isShort(version: number, kind: MessageKind): boolean {
  return version >= POSITIONAL_SINCE && (kind === MessageKind.reply || kind === MessageKind.error);
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
  sizeOf(kind: MessageKind, verb: Uint8Array, bodyBytes: number): number {
    return bodyBytes + (isShort(this.version, kind) ? ANSWER_BYTES : ASKING_BYTES + verb.length);
  }

  /** The body is the first `bodyBytes` of `body`. What the kind does not carry is left out. */
  append(
    kind: MessageKind,
    id: number,
    verb: Uint8Array,
    barrier: number,
    timeoutMs: number,
    body: Uint8Array,
    bodyBytes = body.length,
  ): void {
    const needed = this.bytes + this.sizeOf(kind, verb, bodyBytes);
    if (needed > this.#buffer.length) this.#grow(needed);
    const buffer = this.#buffer;
    let offset = this.bytes;
    buffer[offset] = kind;
    writeU32(buffer, offset + 1, id);
    offset += 5;
    if (!isShort(this.version, kind)) {
      buffer[offset++] = verb.length;
      for (let i = 0; i < verb.length; i++) buffer[offset + i] = verb[i]!;
      offset += verb.length;
      writeU32(buffer, offset, barrier);
      writeU32(buffer, offset + 4, timeoutMs);
      offset += 8;
    }
    writeU32(buffer, offset, bodyBytes);
    copyBytes(body, bodyBytes, buffer, offset + 4);
    this.bytes = needed;
    this.count++;
  }

  /** The frame so far, in memory of its own; the writer begins the next one. */
  take(): Buffer {
    const used = this.#buffer.subarray(0, this.bytes);
    const large = this.bytes > KEEP_BYTES;
    const frame = large ? used : frameMemory(used);
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

/** Shorter bodies are copied by a loop: a view of them costs more. */
const SHORT_BYTES = 64;

function copyBytes(from: Uint8Array, count: number, to: Buffer, at: number): void {
  if (count >= SHORT_BYTES) to.set(count === from.length ? from : from.subarray(0, count), at);
  else for (let i = 0; i < count; i++) to[at + i] = from[i]!;
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

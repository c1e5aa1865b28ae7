import { type Hash64, hash64 } from './hash.ts';
import { type ByteKey, isPrimaryKey } from './keys-core.ts';
import type { Value } from './memtable.ts';

/**
 * A frame of the journal: the rows of one batch, which counts as a whole or not at all.
 *
 *     body's length (4)  hash of what follows (8)  sequence number (8)
 *     per row: key's length (2)  value's length (4; all ones: deleted)  key  [primary record: change of its leaf (8)]  value
 *
 * A row holds a value, so that replaying it a second time changes nothing. A leaf's change does, which is why the base takes leaves over
 * together with its marker (see leaves.ts). Journal files are overwritten from their start; what is left of former frames is told apart by
 * its lower sequence numbers.
 */
const headBytes = 20;
const rowHeadBytes = 6;
const changeBytes = 8;
const deleted = 0xffffffff;

export interface FrameRow {
  readonly key: ByteKey;
  readonly value: Value;
  /** What a primary record's row adds (XOR) to its leaf. */
  readonly change: Hash64 | undefined;
}

export interface Frame {
  readonly sequence: number;
  readonly rows: readonly FrameRow[];
}

/** A larger one is not kept for the next frame. */
const maxKeptBytes = 1 << 20;

/** Lays out one frame after the other in the same memory. */
export class FrameWriter {
  #kept: Buffer = Buffer.allocUnsafeSlow(64 * 1024);
  #out = this.#kept;
  #at = headBytes;

  get isEmpty(): boolean {
    return this.#at === headBytes;
  }

  /** Gives up what was laid out. */
  clear(): void {
    this.#out = this.#kept;
    this.#at = headBytes;
  }

  /** A row that is no primary record's. */
  row(key: ByteKey, value: Value): void {
    const at = this.#rowHead(key, value);
    this.#at = this.#value(at, value);
  }

  /** A primary record's row. @param change what it adds to its leaf */
  record(key: ByteKey, value: Value, change: Hash64): void {
    let at = this.#rowHead(key, value);
    at = this.#out.writeInt32LE(change.low, at);
    at = this.#out.writeInt32LE(change.high, at);
    this.#at = this.#value(at, value);
  }

  /** The frame, in memory that is used again after the next {@link clear}: whoever keeps it copies it. */
  finish(sequence: number): Uint8Array {
    const out = this.#out;
    const end = this.#at;
    out.writeUInt32LE(end - headBytes, 0);
    out.writeUInt32LE(sequence % 2 ** 32, 12);
    out.writeUInt32LE(Math.floor(sequence / 2 ** 32), 16);
    const { high, low } = hash64(out.subarray(12, end));
    out.writeInt32LE(low, 4);
    out.writeInt32LE(high, 8);
    return out.subarray(0, end);
  }

  #rowHead(key: ByteKey, value: Value): number {
    const size = rowHeadBytes + key.length + changeBytes + (value === null ? 0 : value.length);
    if (this.#at + size > this.#out.length) this.#grow(size);
    const out = this.#out;
    let at = out.writeUInt16LE(key.length, this.#at);
    at = out.writeUInt32LE(value === null ? deleted : value.length, at);
    for (let i = 0; i < key.length; i++) out[at + i] = key.charCodeAt(i);
    return at + key.length;
  }

  #value(at: number, value: Value): number {
    if (value === null) return at;
    this.#out.set(value, at);
    return at + value.length;
  }

  #grow(more: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#at + more, 2 * this.#out.length));
    larger.set(this.#out.subarray(0, this.#at));
    this.#out = larger;
    if (larger.length <= maxKeptBytes) this.#kept = larger;
  }
}

/** The frames of a journal file, from its start. */
export function decodeFrames(file: Uint8Array): readonly Frame[] {
  return scanFrames(file, 0).frames;
}

/** What a journal file holds above a number. */
export interface JournalScan {
  readonly frames: readonly Frame[];
  /** Numbers of frames that were begun, and are torn or damaged. */
  readonly broken: ReadonlySet<number>;
}

/** More frames than a journal can hold. */
const maxFrames = 2 ** 24;

/** Bounds what is hashed in vain, of bytes that look like frames. */
const hashesPerByte = 8;

/**
 * All whole frames whose number is above one that is known to be in the table below, behind a damaged one too: a fault of the disk in one
 * frame is no reason to give up those that were acknowledged after it. What former rounds left in the file has lower numbers.
 */
export function scanFrames(file: Uint8Array, above: number): JournalScan {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.length);
  const frames: Frame[] = [];
  const broken = new Set<number>();
  let budget = hashesPerByte * bytes.length;
  for (let at = 0; at + headBytes <= bytes.length; ) {
    const sequence = sequenceAt(bytes, at);
    // Only what bears a number that may be wanted is worth a hash; a former round's frame is passed over byte by byte.
    const end = sequence > above && sequence <= above + maxFrames && budget > 0 ? endAt(bytes, at) : undefined;
    if (end === undefined) {
      at++;
      continue;
    }
    if (!isWhole(bytes, at, end)) {
      broken.add(sequence);
      budget -= end - at;
      at++;
      continue;
    }
    frames.push({ sequence, rows: readRows(bytes, at + headBytes, end) });
    at = end;
  }
  return { frames, broken };
}

/** The number that stands where a frame that begins here has it. */
function sequenceAt(bytes: Buffer, at: number): number {
  const low = bytes[at + 12]! | (bytes[at + 13]! << 8) | (bytes[at + 14]! << 16);
  const high = bytes[at + 16]! | (bytes[at + 17]! << 8) | (bytes[at + 18]! << 16) | (bytes[at + 19]! << 24);
  return low + bytes[at + 15]! * 2 ** 24 + (high >>> 0) * 2 ** 32;
}

/** Where a frame that begins here would end; undefined: none can. */
function endAt(bytes: Buffer, at: number): number | undefined {
  const length = bytes.readUInt32LE(at);
  const end = at + headBytes + length;
  return length < rowHeadBytes || end > bytes.length ? undefined : end;
}

function isWhole(bytes: Buffer, at: number, end: number): boolean {
  const { high, low } = hash64(bytes.subarray(at + 12, end));
  return low === bytes.readInt32LE(at + 4) && high === bytes.readInt32LE(at + 8);
}

function readRows(bytes: Buffer, start: number, end: number): FrameRow[] {
  const rows: FrameRow[] = [];
  let at = start;
  while (at < end) {
    const keyAt = at + rowHeadBytes;
    const length = bytes.readUInt32LE(at + 2);
    const key = bytes.toString('latin1', keyAt, keyAt + bytes.readUInt16LE(at));
    at = keyAt + key.length;
    let change: Hash64 | undefined;
    if (isPrimaryKey(key)) {
      change = { low: bytes.readInt32LE(at), high: bytes.readInt32LE(at + 4) };
      at += changeBytes;
    }
    if (length === deleted) rows.push({ key, value: null, change });
    else {
      rows.push({ key, value: new Uint8Array(bytes.subarray(at, at + length)), change });
      at += length;
    }
  }
  return rows;
}

/** What is to be replayed: all frames above `checkpoint`, in order. */
export function framesToReplay(files: readonly (readonly Frame[])[], checkpoint: number): Frame[] {
  return files
    .flat()
    .filter(({ sequence }) => sequence > checkpoint)
    .sort((a, b) => a.sequence - b.sequence);
}

/** What is missing of a journal. */
export interface JournalLoss {
  /** Frames that cannot be read, and have others behind them. */
  readonly inside: number;
  /** Frames behind the last one that is whole that are known to have been begun: torn by a power cut, damaged, or gone. */
  readonly tail: number;
  /** How many frames lie behind the first that is missing. */
  readonly behind: number;
  /** Whether the table below may hold a part of what the missing frames held. */
  readonly isTorn: boolean;
}

/**
 * What is missing among the frames that are replayed.
 * @param begun the number of the last frame of whose rows the table below may hold some
 */
export function lossOf(
  replayed: readonly Frame[],
  scans: readonly JournalScan[],
  checkpoint: number,
  begun: number,
): JournalLoss {
  const last = replayed.at(-1)?.sequence ?? checkpoint;
  const firstGap = replayed.findIndex(({ sequence }, i) => sequence !== checkpoint + 1 + i);
  const inside = last - checkpoint - replayed.length;
  const damaged = scans.some(({ broken }) => broken.has(last + 1)) ? 1 : 0;
  return {
    inside,
    tail: Math.max(damaged, begun - last),
    behind: firstGap < 0 ? 0 : replayed.length - firstGap,
    isTorn: inside > 0 || begun > last,
  };
}

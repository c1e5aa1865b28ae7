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
  record(key: ByteKey, value: Uint8Array, change: Hash64): void {
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

/** The unbroken run of frames from the start of a journal file; it ends at the first that is torn, stale or damaged. */
export function decodeFrames(file: Uint8Array): Frame[] {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.length);
  const frames: Frame[] = [];
  let at = 0;
  while (at + headBytes <= bytes.length) {
    const end = at + headBytes + bytes.readUInt32LE(at);
    if (end > bytes.length) break;
    const { high, low } = hash64(bytes.subarray(at + 12, end));
    if (low !== bytes.readInt32LE(at + 4) || high !== bytes.readInt32LE(at + 8)) break;
    const sequence = Number(bytes.readBigUInt64LE(at + 12));
    if (frames.length > 0 && sequence !== frames.at(-1)!.sequence + 1) break;
    frames.push({ sequence, rows: readRows(bytes, at + headBytes, end) });
    at = end;
  }
  return frames;
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

/**
 * What is to be replayed: frames above `checkpoint` without a gap. After a power cut the end of the older file may be missing; what the
 * newer one holds was then never acknowledged as durable, and goes too.
 */
export function framesToReplay(files: readonly (readonly Frame[])[], checkpoint: number): Frame[] {
  const replay: Frame[] = [];
  let last = checkpoint;
  for (const frames of files.filter((one) => one.length > 0).sort((a, b) => a[0]!.sequence - b[0]!.sequence))
    for (const frame of frames) {
      if (frame.sequence !== last + 1) continue;
      replay.push(frame);
      last = frame.sequence;
    }
  return replay;
}

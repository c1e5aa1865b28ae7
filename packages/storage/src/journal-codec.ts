import { hash64 } from './hash.ts';
import type { ByteKey } from './keys-core.ts';
import type { Row, Value } from './memtable.ts';

/**
 * A frame of the journal: the rows of one batch, which counts as a whole or not at all.
 *
 *     body's length (4)  hash of what follows (8)  sequence number (8)  per row: key's length (2), value's length (4; all ones: deleted), key, value
 *
 * Rows hold values, not changes: replaying a frame a second time changes nothing. Journal files are overwritten from their start; what is
 * left of former frames is told apart by its lower sequence numbers.
 */
const headBytes = 20;
const deleted = 0xffffffff;

export interface Frame {
  readonly sequence: number;
  readonly rows: readonly Row[];
}

/** A larger one is not kept for the next frame. */
const maxKeptBytes = 1 << 20;
let scratch: Buffer = Buffer.allocUnsafeSlow(64 * 1024);

/** The frame lies in memory that the next call overwrites: whoever keeps it copies it. */
export function encodeFrame(sequence: number, rows: readonly Row[]): Uint8Array {
  let size = headBytes;
  for (const [key, value] of rows) size += 6 + key.length + (value === null ? 0 : value.length);
  const out = frameMemory(size);
  out.writeUInt32LE(size - headBytes, 0);
  out.writeUInt32LE(sequence % 2 ** 32, 12);
  out.writeUInt32LE(Math.floor(sequence / 2 ** 32), 16);
  let at = headBytes;
  for (const [key, value] of rows) at = writeRow(out, at, key, value);
  const { high, low } = hash64(out.subarray(12, size));
  out.writeInt32LE(low, 4);
  out.writeInt32LE(high, 8);
  return out.subarray(0, size);
}

function frameMemory(size: number): Buffer {
  if (size <= scratch.length) return scratch;
  const larger = Buffer.allocUnsafeSlow(Math.max(size, 2 * scratch.length));
  if (size <= maxKeptBytes) scratch = larger;
  return larger;
}

function writeRow(out: Buffer, start: number, key: ByteKey, value: Value): number {
  let at = out.writeUInt16LE(key.length, start);
  at = out.writeUInt32LE(value === null ? deleted : value.length, at);
  for (let i = 0; i < key.length; i++) out[at + i] = key.charCodeAt(i);
  at += key.length;
  if (value === null) return at;
  out.set(value, at);
  return at + value.length;
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

function readRows(bytes: Buffer, start: number, end: number): Row[] {
  const rows: Row[] = [];
  let at = start;
  while (at < end) {
    const keyEnd = at + 6 + bytes.readUInt16LE(at);
    const length = bytes.readUInt32LE(at + 2);
    const key = bytes.toString('latin1', at + 6, keyEnd);
    at = length === deleted ? keyEnd : keyEnd + length;
    rows.push([key, length === deleted ? null : new Uint8Array(bytes.subarray(keyEnd, at))]);
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

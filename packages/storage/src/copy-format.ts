import { CorruptCopyError, CorruptRecordError } from './errors.ts';
import { decodeHint } from './hint-codec.ts';
import { type ByteKey, bytesOfKey, decodeId, isHintKey, isPrimaryKey, keyOfBytes } from './keys-core.ts';
import type { RecordId } from './port.ts';
import { readable } from './record-codec.ts';

/**
 * A copy of a store as one stream: what it is, its rows in the order of their keys (see keys-core.ts), and an end by which one that was cut
 * short is recognised:
 *
 *     "ringfort-copy/1\n"   per row: key's length (2), value's length (4), key, value   0 (2)  0 (4)  rows (8)
 */
const magic = Buffer.from('ringfort-copy/1\n');
const headBytes = 6;
const endBytes = headBytes + 8;
/** More than the longest value, an object of 8 MiB, takes. */
const maxValueBytes = 64 * 1024 * 1024;

/** A row of a copy, as it is stored. */
export interface CopyRow {
  readonly key: ByteKey;
  readonly value: Uint8Array;
}

/** What a row of a copy holds: a replica, or what was kept for others. */
export interface CopiedRecord {
  readonly kind: 'record' | 'hint';
  readonly id: RecordId;
  /** Canonical bytes; undefined: the record is corrupt. */
  readonly object: Uint8Array | undefined;
}

export const copyStart = (): Uint8Array => Uint8Array.from(magic);

export function encodeCopyRow({ key, value }: CopyRow): Uint8Array {
  const bytes = bytesOfKey(key);
  const out = Buffer.allocUnsafe(headBytes + bytes.length + value.length);
  out.writeUInt16LE(bytes.length, 0);
  out.writeUInt32LE(value.length, 2);
  out.set(bytes, headBytes);
  out.set(value, headBytes + bytes.length);
  return out;
}

export function copyEnd(rows: number): Uint8Array {
  const out = Buffer.alloc(endBytes);
  out.writeDoubleLE(rows, headBytes);
  return out;
}

/** Takes a copy apart as it comes, in pieces of any size; holds no more than one row of it. */
export class CopyReader {
  #pending: Buffer = Buffer.alloc(0);
  #begun = false;
  #rows = 0;
  #ended = false;

  /** Rows so far. */
  get rows(): number {
    return this.#rows;
  }

  /** The rows that are whole by now. Their memory is that of the pieces. @throws CORRUPT_COPY */
  *take(piece: Uint8Array): Generator<CopyRow> {
    const given = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    this.#pending = this.#pending.length === 0 ? given : Buffer.concat([this.#pending, given]);
    let at = this.#begin();
    for (;;) {
      const row = this.#rowAt(at);
      if (row === undefined) break;
      at += headBytes + row.key.length + row.value.length;
      this.#rows += 1;
      yield row;
    }
    at = this.#endAt(at);
    this.#pending = Buffer.from(this.#pending.subarray(at));
  }

  /** To be called after the last piece. @throws CORRUPT_COPY when the copy was cut short */
  end(): void {
    if (!this.#ended) throw new CorruptCopyError('it was cut short');
  }

  #begin(): number {
    if (this.#begun || this.#pending.length < magic.length) return 0;
    if (!this.#pending.subarray(0, magic.length).equals(magic)) throw new CorruptCopyError('it does not begin as one');
    this.#begun = true;
    return magic.length;
  }

  #rowAt(at: number): CopyRow | undefined {
    const bytes = this.#pending;
    if (!this.#begun || this.#ended || bytes.length < at + headBytes) return undefined;
    const keyBytes = bytes.readUInt16LE(at);
    const valueBytes = bytes.readUInt32LE(at + 2);
    if (valueBytes > maxValueBytes) throw new CorruptCopyError(`row ${this.#rows + 1} has ${valueBytes} bytes`);
    const valueAt = at + headBytes + keyBytes;
    if (keyBytes === 0 || bytes.length < valueAt + valueBytes) return undefined;
    const key = keyOfBytes(bytes.subarray(at + headBytes, valueAt));
    return { key, value: bytes.subarray(valueAt, valueAt + valueBytes) };
  }

  #endAt(at: number): number {
    const bytes = this.#pending;
    if (this.#ended && bytes.length > at) throw new CorruptCopyError('bytes follow its end');
    if (!this.#begun || this.#ended || bytes.length < at + endBytes || bytes.readUInt16LE(at) !== 0) return at;
    const rows = bytes.readDoubleLE(at + headBytes);
    if (rows !== this.#rows) throw new CorruptCopyError(`it has ${this.#rows} rows, and says that it has ${rows}`);
    if (bytes.length > at + endBytes) throw new CorruptCopyError('bytes follow its end');
    this.#ended = true;
    return at + endBytes;
  }
}

/** What a row holds, its checksum verified; undefined: it is none of a record. */
export function copiedRecord({ key, value }: CopyRow): CopiedRecord | undefined {
  if (isPrimaryKey(key)) {
    const id = decodeId(key, 1);
    return { kind: 'record', id, object: objectOf(value, id) };
  }
  if (!isHintKey(key)) return undefined;
  const id = decodeId(key, 1);
  const hint = decodeHint(value);
  return { kind: 'hint', id, object: hint === undefined ? undefined : objectOf(hint.record, id) };
}

function objectOf(stored: Uint8Array, id: RecordId): Uint8Array | undefined {
  const record = readable(stored, id);
  return record instanceof CorruptRecordError ? undefined : record.bytes;
}

/**
 * A stand-in record: to whom it is owed, and since when, then the record (see record-codec.ts).
 *
 *     count (1)  per target: name's length (1), name, taken at (8)   record
 */
interface HintRecord {
  /** By target. */
  readonly owed: ReadonlyMap<string, Pick<OwedRow, 'takenMs'>>;
  readonly record: Uint8Array;
}

export function encodeHint({ owed, record }: HintRecord): Uint8Array {
  const names = [...owed.keys()].map((target) => Buffer.from(target, 'utf8'));
  const size = names.reduce((sum, name) => sum + 9 + name.length, 1);
  const out = Buffer.allocUnsafe(size + record.length);
  out[0] = names.length;
  let at = 1;
  let i = 0;
  for (const { takenMs } of owed.values()) {
    const name = names[i++]!;
    out[at] = name.length;
    out.set(name, at + 1);
    at = out.writeDoubleLE(takenMs, at + 1 + name.length);
  }
  out.set(record, at);
  return out;
}

/** Answers undefined for bytes that are no stand-in record. */
export function decodeHint(bytes: Uint8Array): HintRecord | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const owed = new Map<string, { takenMs: number }>();
  let at = 1;
  for (let i = 0; i < (view[0] ?? 0); i++) {
    const nameEnd = at + 1 + (view[at] ?? 0);
    if (nameEnd + 8 > view.length) return undefined;
    owed.set(view.toString('utf8', at + 1, nameEnd), { takenMs: view.readDoubleLE(nameEnd) });
    at = nameEnd + 8;
  }
  return owed.size === 0 ? undefined : { owed, record: bytes.subarray(at) };
}

/** A row of the index by target: what the record weighs, and since when it is owed. */
export interface OwedRow {
  readonly bytes: number;
  readonly takenMs: number;
}

export function encodeOwedRow({ bytes, takenMs }: OwedRow): Uint8Array {
  const out = Buffer.allocUnsafe(12);
  out.writeUInt32LE(bytes, 0);
  out.writeDoubleLE(takenMs, 4);
  return out;
}

export function decodeOwedRow(bytes: Uint8Array): OwedRow {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return { bytes: view.readUInt32LE(0), takenMs: view.readDoubleLE(4) };
}

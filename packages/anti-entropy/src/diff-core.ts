import type { ListedRecord, RecordName } from './port.ts';

/** The order of records in a partition: by the bytes (UTF-8) of the bucket, then of the key. */
export function compareNames(a: RecordName, b: RecordName): number {
  return compareBytes(a.bucket, b.bucket) || compareBytes(a.key, b.key);
}

function compareBytes(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** What a side that was shown a list asks for, and what it has to give. */
export interface Difference {
  /** Indices of the listed records that it lacks, cannot read, or holds otherwise: once they are sent, it merges, and tells what came of it. */
  readonly wants: readonly number[];
  /** Records that the other side lacks or cannot read. */
  readonly offers: readonly RecordName[];
}

/**
 * Compares two lists of the same range.
 * @param theirs as it came
 * @param own of the side that compares
 * @param through the last name up to which `own` is complete; absent: it is complete
 */
export function difference(
  theirs: readonly (RecordName & { readonly digest?: string | undefined })[],
  own: readonly ListedRecord[],
  through: RecordName | undefined,
): Difference {
  const wants: number[] = [];
  const rest = new Map(own.map((record) => [nameKey(record), record]));
  for (const [index, their] of theirs.entries()) {
    if (through !== undefined && compareNames(their, through) > 0) break;
    const key = nameKey(their);
    const mine = rest.get(key);
    if (their.digest === undefined) continue;
    rest.delete(key);
    if (mine === undefined || mine.digest !== their.digest) wants.push(index);
  }
  const offers: RecordName[] = [];
  for (const { bucket, key, digest } of rest.values()) if (digest !== undefined) offers.push({ bucket, key });
  return { wants, offers };
}

const nameKey = ({ bucket, key }: RecordName): string => `${bucket}\u0000${key}`;

/** What a name takes on the wire, about. */
export const nameBytes = ({ bucket, key }: RecordName): number => 24 + 3 * (bucket.length + key.length);

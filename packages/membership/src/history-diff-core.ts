import type { MembershipRecord } from '@ringfort/ring/contract';
import type { z } from 'zod';
import type { compareRequestSchema } from './contract.ts';
import { encodedBytes, type History } from './history-core.ts';

/**
 * One message of a comparison of two histories; both sides send the same kind. A history is cut into the ranges of its hashes that begin
 * with the same digits. A range is told by its count and its sum, as the version tells the whole; the other side answers a range that differs
 * by its sixteen parts, or, when it holds few records of it, by their hashes; a list of hashes it answers with the records that are
 * missing in it, and with the hashes that it wants. So what is equal costs nothing, and no message grows with the history.
 */
export type Comparison = Omit<z.infer<typeof compareRequestSchema>, 'version'>;
type Part = Comparison['parts'][number];
type List = Comparison['lists'][number];

/** A range with at most so many records is told by their hashes. */
const maxListed = 32;
/** Bytes of a message beside the records, and of the records. */
const maxDigestBytes = 4096;
const maxRecordBytes = 65_536;
const hashBytes = 17;
const partBytes = 40;
const digits = [...'0123456789abcdef'];

/** The first message: all hashes of a small history, count and sum of a larger one. */
export function openComparison(history: History): Comparison {
  const whole = partOf(history, '');
  if (whole.count > maxListed) return { parts: [whole], lists: [], wants: [], records: [] };
  return { parts: [], lists: [{ prefix: '', hashes: hashesIn(history, '') }], wants: [], records: [] };
}

/**
 * The answer to a message. Empty when that leaves nothing to be said, which does not mean that the histories are equal: what found no room
 * is left out, and comes up in the next comparison.
 * @param refused hashes of records that this history does not take.
 */
export function answerComparison(history: History, theirs: Comparison, refused: ReadonlySet<string>): Comparison {
  const draft = new Draft(history);
  for (const hash of theirs.wants) draft.give(hash);
  for (const { prefix, hashes } of theirs.lists) {
    const listed = new Set(hashes);
    for (const hash of hashesIn(history, prefix)) if (!listed.has(hash)) draft.give(hash);
    // Whoever holds what was refused may belong to another cluster: nothing of that is asked for.
    if (hashes.some((hash) => refused.has(hash))) continue;
    for (const hash of hashes) if (!history.records.has(hash)) draft.want(hash);
  }
  for (const { prefix, count, sum } of theirs.parts) {
    const own = partOf(history, prefix);
    if (own.count === count && own.sum === sum) continue;
    if (count === 0) for (const hash of hashesIn(history, prefix)) draft.give(hash);
    else draft.tell(prefix);
  }
  return draft.take();
}

export function isEmpty({ parts, lists, wants, records }: Comparison): boolean {
  return parts.length + lists.length + wants.length + records.length === 0;
}

/** A message that is being written, within its bounds. */
class Draft {
  readonly #history: History;
  readonly #parts: Part[] = [];
  readonly #lists: List[] = [];
  readonly #wants: string[] = [];
  readonly #records = new Map<string, MembershipRecord>();
  #bytesLeft = maxDigestBytes;
  #recordBytesLeft = maxRecordBytes;

  constructor(history: History) {
    this.#history = history;
  }

  /** One record at least, however large. */
  give(hash: string): void {
    const record = this.#history.records.get(hash);
    if (record === undefined || this.#records.has(hash)) return;
    const size = encodedBytes(record);
    if (this.#records.size > 0 && size > this.#recordBytesLeft) return;
    this.#recordBytesLeft -= size;
    this.#records.set(hash, record);
  }

  want(hash: string): void {
    if (this.#hasRoom(hashBytes)) this.#wants.push(hash);
  }

  /** Tells a range by its hashes, or its parts. */
  tell(prefix: string): void {
    const { count } = partOf(this.#history, prefix);
    if (count > maxListed) {
      if (!this.#hasRoom(digits.length * partBytes)) return;
      for (const digit of digits) this.#parts.push(partOf(this.#history, prefix + digit));
    } else if (this.#hasRoom(partBytes + count * hashBytes)) {
      this.#lists.push({ prefix, hashes: hashesIn(this.#history, prefix) });
    }
  }

  take(): Comparison {
    const records = [...this.#records.values()];
    return { parts: this.#parts, lists: this.#lists, wants: this.#wants, records };
  }

  #hasRoom(bytes: number): boolean {
    if (bytes > this.#bytesLeft) return false;
    this.#bytesLeft -= bytes;
    return true;
  }
}

/** The hashes of a history in order, and the sum of all up to each. */
interface HashIndex {
  readonly hashes: readonly string[];
  readonly sums: BigUint64Array;
}

const indexes = new WeakMap<History, HashIndex>();

function indexOf(history: History): HashIndex {
  const known = indexes.get(history);
  if (known !== undefined) return known;
  const hashes = [...history.records.keys()].sort();
  const sums = new BigUint64Array(hashes.length + 1);
  for (const [at, hash] of hashes.entries()) sums[at + 1] = (sums[at] as bigint) + BigInt(`0x${hash}`);
  const index = { hashes, sums };
  indexes.set(history, index);
  return index;
}

function hashesIn(history: History, prefix: string): string[] {
  const { hashes } = indexOf(history);
  return hashes.slice(...boundsOf(hashes, prefix));
}

function partOf(history: History, prefix: string): Part {
  const { hashes, sums } = indexOf(history);
  const [from, to] = boundsOf(hashes, prefix);
  const sum = BigInt.asUintN(64, (sums[to] as bigint) - (sums[from] as bigint));
  return { prefix, count: to - from, sum: sum.toString(16).padStart(16, '0') };
}

/** Where the hashes with that beginning stand: `g` is beyond every digit. */
function boundsOf(hashes: readonly string[], prefix: string): [number, number] {
  return [firstFrom(hashes, prefix), firstFrom(hashes, `${prefix}g`)];
}

function firstFrom(hashes: readonly string[], bound: string): number {
  let low = 0;
  for (let high = hashes.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if ((hashes[middle] as string) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

import { recordHash } from '@ringfort/ring';
import { type MembershipRecord, membershipRecordSchema, type RingVersion } from '@ringfort/ring/contract';
import { HistoryCorruptError } from './errors.ts';
import { completeFounding, type Founding, type FoundingRecord, isFounding, isSoundFounding } from './founding-core.ts';

/**
 * The history of membership changes: a set of immutable records, keyed by their hash. Merging is set union, so any order and any
 * repetition of exchanges ends in the same set. One rule narrows the union: once a founding is complete, founding records that are not
 * part of it are left out, so that neither a node with a wrong list of seeds nor a founder with a wiped directory can change a cluster. The
 * founding that a node found complete first is kept: only a founder that is wiped while the founding is still incomplete, and told its
 * two records to different nodes, could make these differ; both sides then refuse the other's (`STORE_DIFFERS`) instead of guessing.
 */
export interface History {
  readonly records: ReadonlyMap<string, MembershipRecord>;
  readonly version: RingVersion;
  readonly founding: Founding | undefined;
  /** Highest Lamport time of all records that were ever merged. */
  readonly lamport: number;
  /** Sum of the encoded sizes. */
  readonly bytes: number;
}

/** How large a history may get. A record is authored below the first pair of bounds and merged below the second (see {@link defaultLimits}). */
export interface HistoryLimits {
  readonly maxRecords: number;
  readonly maxBytes: number;
  readonly maxMergedRecords: number;
  readonly maxMergedBytes: number;
}

/**
 * A history travels whole to a client that knows nothing, in one message of NATS's default payload (1 MiB): so records are merged up to
 * 7/8 of that. They are authored up to 5/8 only: nodes that author at the same time just below the bound must still be able to merge
 * what the others wrote, or their histories would never be equal.
 */
export const defaultLimits: HistoryLimits = {
  maxRecords: 49_152,
  maxBytes: 655_360,
  maxMergedRecords: 65_536,
  maxMergedBytes: 917_504,
};

/** Why a record was not merged. */
export type Rejection =
  | 'FOUNDERS_DIFFER'
  | 'STORE_DIFFERS'
  | 'MALFORMED_FOUNDING'
  | 'LAMPORT_TOO_HIGH'
  | 'HISTORY_FULL';

export interface Merge {
  readonly history: History;
  /** New records, in the order they came. */
  readonly added: readonly MembershipRecord[];
  /** Records of the history before that a founding, complete now, left out. */
  readonly dropped: readonly MembershipRecord[];
  readonly rejected: readonly {
    readonly hash: string;
    readonly record: MembershipRecord;
    readonly reason: Rejection;
  }[];
}

export const emptyHistory: History = {
  records: new Map(),
  version: { size: 0, digest: '0'.repeat(16) },
  founding: undefined,
  lamport: 0,
  bytes: 0,
};

/** Leaves room for every record that could ever be written after one with this time. */
const maxLamport = Number.MAX_SAFE_INTEGER - 2 ** 32;

/**
 * Merges records into the history.
 * @param records as they came: duplicates and known ones are fine.
 */
export function mergeRecords(
  history: History,
  records: readonly MembershipRecord[],
  limits: HistoryLimits = defaultLimits,
): Merge {
  const next = new Map(history.records);
  const added: MembershipRecord[] = [];
  const rejected: Merge['rejected'][number][] = [];
  let bytes = history.bytes;
  for (const record of records) {
    const hash = recordHash(record);
    if (next.has(hash)) continue;
    const size = encodedBytes(record);
    const full = next.size + 1 > limits.maxMergedRecords || bytes + size > limits.maxMergedBytes;
    const reason = full ? 'HISTORY_FULL' : objectionTo(record, history.founding);
    if (reason !== undefined) {
      rejected.push({ hash, record, reason });
      continue;
    }
    next.set(hash, record);
    added.push(record);
    bytes += size;
  }
  if (added.length === 0) return { history, added, dropped: [], rejected };
  const { founding, left } = settle(history.founding, next);
  const came = added.filter((record) => next.has(recordHash(record)));
  const went = left.filter(({ hash }) => history.records.has(hash)).map(({ record }) => record);
  return {
    history: historyOf(history, next, founding, { came, went }),
    added: came,
    dropped: went,
    rejected: [...rejected, ...left.filter(({ hash }) => !history.records.has(hash))],
  };
}

/** Why the record has no place in a history with that founding; undefined when it has. */
function objectionTo(record: MembershipRecord, founding: Founding | undefined): Rejection | undefined {
  if (record.lamport > maxLamport) return 'LAMPORT_TOO_HIGH';
  if (!isFounding(record)) return undefined;
  if (!isSoundFounding(record)) return 'MALFORMED_FOUNDING';
  if (founding === undefined) return undefined;
  const sameList = record.partitions === founding.partitions && sameIds(record.founders, founding.founders);
  return sameList ? 'STORE_DIFFERS' : 'FOUNDERS_DIFFER';
}

function sameIds(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, at) => id === b[at]);
}

/** Looks whether the founding is complete by these records, and leaves out what is then not part of it. */
function settle(known: Founding | undefined, records: Map<string, MembershipRecord>) {
  const founding = known ?? completeFounding(foundingRecordsOf(records));
  const left: Merge['rejected'][number][] = [];
  if (founding === undefined || known !== undefined) return { founding, left };
  const kept = new Set<MembershipRecord>(founding.records);
  for (const [hash, record] of records) {
    if (!isFounding(record) || kept.has(record)) continue;
    records.delete(hash);
    left.push({ hash, record, reason: objectionTo(record, founding) ?? 'FOUNDERS_DIFFER' });
  }
  return { founding, left };
}

/** The history with these records, given what came and went since `before`: the version is a sum, so nothing else is looked at. */
function historyOf(
  before: History,
  records: ReadonlyMap<string, MembershipRecord>,
  founding: Founding | undefined,
  { came, went }: { came: readonly MembershipRecord[]; went: readonly MembershipRecord[] },
): History {
  let sum = BigInt(`0x${before.version.digest}`);
  let { lamport, bytes } = before;
  for (const record of came) {
    sum += BigInt(`0x${recordHash(record)}`);
    lamport = Math.max(lamport, record.lamport);
    bytes += encodedBytes(record);
  }
  for (const record of went) {
    sum -= BigInt(`0x${recordHash(record)}`);
    bytes -= encodedBytes(record);
  }
  const digest = BigInt.asUintN(64, sum).toString(16).padStart(16, '0');
  return { records, version: { size: records.size, digest }, founding, lamport, bytes };
}

/** The founding records among them. */
export function foundingRecordsOf(records: ReadonlyMap<string, MembershipRecord>): FoundingRecord[] {
  return [...records.values()].filter(isFounding);
}

/** Whether one more record of that size may be authored here. */
export function hasRoomToAuthor(history: History, limits: HistoryLimits = defaultLimits): boolean {
  return history.records.size < limits.maxRecords && history.bytes < limits.maxBytes;
}

/** Lamport time of the next record authored on top of the history. */
export function nextLamport(history: History): number {
  return history.lamport + 1;
}

/**
 * Lamport time of a node's founding record: never behind the wall clock. A founder whose directory was wiped while no other could be asked
 * writes a second record; with sane clocks it is later than its first, and the earliest counts everywhere.
 */
export function foundingLamport(history: History, nowMs: number): number {
  return Math.max(nextLamport(history), Math.floor(nowMs));
}

export function sameVersion(a: RingVersion, b: RingVersion): boolean {
  return a.size === b.size && a.digest === b.digest;
}

const sizes = new WeakMap<MembershipRecord, number>();

/** Size of a record in the log, an upper bound of its size on the wire. */
export function encodedBytes(record: MembershipRecord): number {
  const known = sizes.get(record);
  if (known !== undefined) return known;
  const size = Buffer.byteLength(JSON.stringify(record));
  sizes.set(record, size);
  return size;
}

/** A record as the log holds it: JSON with the layout's number and the record's hash, which is its checksum. */
export function encodeRecord(record: MembershipRecord): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ layout: 1, hash: recordHash(record), record }));
}

/** The inverse of {@link encodeRecord}. @throws HistoryCorruptError */
export function decodeRecord(bytes: Uint8Array, entry: number): MembershipRecord {
  const { layout, hash, record } = parseEntry(bytes, entry);
  if (layout !== 1) throw new HistoryCorruptError({ entry, problem: `unknown layout ${String(layout)}` });
  const parsed = membershipRecordSchema.safeParse(record);
  if (!parsed.success) throw new HistoryCorruptError({ entry, problem: 'not a membership record' }, parsed.error);
  if (recordHash(parsed.data) !== hash) throw new HistoryCorruptError({ entry, problem: 'checksum mismatch' });
  return parsed.data;
}

function parseEntry(bytes: Uint8Array, entry: number): { layout?: unknown; hash?: unknown; record?: unknown } {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return typeof value === 'object' && value !== null ? value : {};
  } catch (cause) {
    throw new HistoryCorruptError({ entry, problem: 'not readable' }, cause);
  }
}

import { compareRecords } from '@ringfort/ring';
import type { MembershipRecord } from '@ringfort/ring/contract';

export type FoundingRecord = Extract<MembershipRecord, { kind: 'node.founded' }>;

/** The founding of a cluster: exactly one record of each founder, all with the same list and the same number of partitions. */
export interface Founding {
  readonly founders: readonly string[];
  readonly partitions: number;
  readonly records: readonly FoundingRecord[];
}

/** Who this node is. */
export interface Identity {
  readonly id: string;
  readonly store: string;
}

/**
 * Where a node stands by the history it knows.
 * `member`: named, with this store. `replaced`: named, with another store; `refillable`: this one may take its place. `stranger`: the founding is complete and the node is not in the ring.
 * `unfounded`: no complete founding is known; `authored` tells whether this store has written its own record.
 */
export type Standing =
  | { readonly kind: 'member' }
  | { readonly kind: 'replaced'; readonly knownStore: string; readonly refillable: boolean }
  | { readonly kind: 'stranger' }
  | { readonly kind: 'unfounded'; readonly authored: boolean };

/** The list of founders that the seeds stand for: sorted, each once. */
export function foundersOf(seeds: readonly string[]): string[] {
  return [...new Set(seeds)].sort();
}

/** Founding records that can never be in one founding with one that has this list: an operator gave nodes different settings. */
export function disagreements(
  records: readonly FoundingRecord[],
  founders: readonly string[],
  partitions: number,
): FoundingRecord[] {
  const terms = founders.join(' ');
  return records.filter((record) => record.partitions !== partitions || record.founders.join(' ') !== terms);
}

export function isFounding(record: MembershipRecord): record is FoundingRecord {
  return record.kind === 'node.founded';
}

/** A founding record says what only its own node may say: it names its author, and a sorted list with it inside. */
export function isSoundFounding(record: FoundingRecord): boolean {
  const sorted = record.founders.every((id, at) => at === 0 || (record.founders[at - 1] as string) < id);
  return sorted && record.author === record.node && record.founders.includes(record.node);
}

/**
 * The complete founding among the records, if there is one. Where a founder has written several records (its directory was wiped before the
 * founding was complete), its earliest counts; where several foundings are complete, the one whose first record is earliest.
 */
export function completeFounding(records: Iterable<FoundingRecord>): Founding | undefined {
  const candidates = [...groupByList(records).values()].flatMap((group) => completed(group));
  return candidates.sort((a, b) => compareRecords(firstOf(a), firstOf(b)))[0];
}

function groupByList(records: Iterable<FoundingRecord>): Map<string, Map<string, FoundingRecord>> {
  const groups = new Map<string, Map<string, FoundingRecord>>();
  for (const record of records) {
    const key = `${record.partitions} ${record.founders.join(' ')}`;
    const group = groups.get(key) ?? new Map<string, FoundingRecord>();
    groups.set(key, group);
    const known = group.get(record.node);
    if (known === undefined || compareRecords(record, known) < 0) group.set(record.node, record);
  }
  return groups;
}

function completed(group: ReadonlyMap<string, FoundingRecord>): Founding[] {
  const records = [...group.values()].sort(compareRecords);
  const first = records[0];
  if (first === undefined || !first.founders.every((id) => group.has(id))) return [];
  return [{ founders: first.founders, partitions: first.partitions, records }];
}

function firstOf(founding: Founding): FoundingRecord {
  return founding.records[0] as FoundingRecord;
}

/** Where the node stands before any founding is complete. */
export function standingBeforeFounding(records: Iterable<FoundingRecord>, self: Identity): Standing {
  let authored = false;
  for (const record of records) {
    if (record.node !== self.id) continue;
    if (record.store !== self.store) return { kind: 'replaced', knownStore: record.store, refillable: false };
    authored = true;
  }
  return { kind: 'unfounded', authored };
}

/**
 * Where the node stands once the founding is complete, by the node of its id in the ring.
 * @param mayTakePlace whether its store could take the place of another: it holds nothing, and no record has ever named it
 */
export function standingInRing(
  named: { readonly store: string } | undefined,
  self: Identity,
  mayTakePlace: () => boolean,
): Standing {
  if (named === undefined) return { kind: 'stranger' };
  if (named.store === self.store) return { kind: 'member' };
  return { kind: 'replaced', knownStore: named.store, refillable: mayTakePlace() };
}

/** Whether any record has named the store. One that was in use before, and was replaced since, does not come back. */
export function isNamed(records: Iterable<MembershipRecord>, store: string): boolean {
  for (const record of records) if ('store' in record && record.store === store) return true;
  return false;
}

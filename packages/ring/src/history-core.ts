import type { MembershipRecord } from './contract.ts';
import { type FoldState, foldStep, foundedState, unfoundedState } from './fold-core.ts';
import { type Founding, findFounding } from './founding-core.ts';
import { recordHash, versionOfHashes } from './hash-core.ts';
import type { Ring, RingNode } from './port.ts';
import { defaultPartitions, emptyRing, FoldedRing } from './ring-core.ts';

interface HashedRecord {
  readonly hash: string;
  readonly record: MembershipRecord;
}

/** The total order of records: by Lamport time, then author, then hash. 0 only for equal records. */
export function compareRecords(a: MembershipRecord, b: MembershipRecord): number {
  return compareHashed({ record: a, hash: recordHash(a) }, { record: b, hash: recordHash(b) });
}

function compareHashed(a: HashedRecord, b: HashedRecord): number {
  return (
    a.record.lamport - b.record.lamport || compareText(a.record.author, b.record.author) || compareText(a.hash, b.hash)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * A history in order, with the fold after each of its records, so that a record that comes last costs one step and not a fold of
 * everything. Immutable.
 */
export interface History {
  readonly records: readonly MembershipRecord[];
  readonly ring: Ring;
  readonly hashed: readonly HashedRecord[];
  readonly founding: Founding | undefined;
  /** `states[i]` is the fold before record i; one more than there are records. */
  readonly states: readonly FoldState[];
}

export const emptyHistory: History = {
  records: [],
  ring: emptyRing,
  hashed: [],
  founding: undefined,
  states: [unfoundedState(defaultPartitions)],
};

/** The history with more records, in any order, known ones among them. The same object when nothing is new. */
export function extendHistory(history: History, records: Iterable<MembershipRecord>): History {
  const known = new Set(history.hashed.map(({ hash }) => hash));
  const added: HashedRecord[] = [];
  for (const record of records) {
    const hash = recordHash(record);
    if (known.has(hash)) continue;
    known.add(hash);
    added.push({ hash, record });
  }
  if (added.length === 0) return history;
  const hashed = [...history.hashed, ...added].sort(compareHashed);
  const sorted = hashed.map(({ record }) => record);
  const founding = findFounding(sorted);
  const states = refold(history, hashed, founding);
  return { records: sorted, hashed, founding, states, ring: ringOf(hashed, founding, states.at(-1)!) };
}

/** Whether any of the records is not in the history yet. */
export function hasNews(history: History, records: readonly MembershipRecord[]): boolean {
  const known = new Set(history.hashed.map(({ hash }) => hash));
  return records.some((record) => !known.has(recordHash(record)));
}

/** Ids that were removed, replaced or left: they do not come back. */
export function retiredIds(history: History): ReadonlySet<string> {
  return history.states.at(-1)!.retired;
}

/** The members when all slots were last owned by whom they should be: what a change that is under way started from. */
export function settledNodes(history: History): readonly RingNode[] {
  return history.states.at(-1)!.settled;
}

/** Folds what follows the records that stand unchanged; all of it when the founding is another. */
function refold(history: History, hashed: readonly HashedRecord[], founding: Founding | undefined): FoldState[] {
  let unchanged = 0;
  let states = [
    founding === undefined ? unfoundedState(defaultPartitions) : foundedState(founding.nodes, founding.partitions),
  ];
  if (founding?.key === history.founding?.key) {
    while (unchanged < history.hashed.length && history.hashed[unchanged]!.hash === hashed[unchanged]!.hash)
      unchanged++;
    states = history.states.slice(0, unchanged + 1);
  }
  for (const { record } of hashed.slice(unchanged)) states.push(foldStep(states.at(-1)!, record));
  return states;
}

function ringOf(hashed: readonly HashedRecord[], founding: Founding | undefined, state: FoldState): Ring {
  const names = [...state.buckets.keys()].sort(compareText);
  return new FoldedRing({
    version: versionOfHashes(hashed.map(({ hash }) => hash)),
    founded: founding !== undefined,
    partitions: state.partitions,
    nodes: state.nodes,
    targets: state.targets,
    ownership: state.ownership,
    retired: state.retired,
    buckets: Object.freeze(names.map((name) => Object.freeze({ name, settings: state.buckets.get(name)!.settings }))),
  });
}

/** The ring of a history: a pure function of the set of its records, whatever their order and number of copies. */
export function foldHistory(records: Iterable<MembershipRecord>): Ring {
  return extendHistory(emptyHistory, records).ring;
}

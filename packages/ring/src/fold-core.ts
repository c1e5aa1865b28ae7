import type { BucketSettings, MembershipRecord } from './contract.ts';
import { type Placed, place } from './placement-core.ts';
import type { RingNode } from './port.ts';
import { vacant } from './slots-core.ts';

/** What a bucket's records say, and who fixed its conflict rule when. */
interface BucketFold {
  readonly settings: BucketSettings;
  readonly fixedAt: number;
}

/** A history folded up to some record. Immutable: each step makes the next, so a fold can be taken up again in the middle. */
export interface FoldState extends Placed {
  readonly partitions: number;
  /** Ids that were removed or replaced: never members again, and not heard as authors. */
  readonly retired: ReadonlySet<string>;
  readonly buckets: ReadonlyMap<string, BucketFold>;
}

/** A fold of no founded cluster: bucket settings are already heard, all else waits for the founding. */
export function unfoundedState(partitions: number): FoldState {
  return {
    nodes: [],
    table: { replicas: 0, owners: new Uint16Array(0) },
    partitions,
    retired: new Set(),
    buckets: new Map(),
  };
}

/** The state right after the founding: all founders placed in one step. */
export function foundedState(founders: readonly RingNode[], partitions: number): FoldState {
  const nodes = sortedNodes(founders);
  return { ...unfoundedState(partitions), nodes, table: place(nodes, partitions) };
}

/**
 * One record, in order. A record that makes no sense where it falls leaves the state as it is: an author or a node that was removed
 * before, a node that is already there or not there, settings that no quorum can meet.
 *
 * The table that results says who *should* own each slot. Who *does* own it will be a second fold over the same order, of
 * `slot.handedOver` records (partition, replica, from, to): it starts as the founding's table, a change of membership alone changes
 * nothing in it, and each hand-over sets the one slot it names, if its `from` owns that slot there and its `to` is the slot's owner in the
 * table folded here. Preference lists will then begin with the owners of that second fold.
 */
export function foldStep(state: FoldState, record: MembershipRecord): FoldState {
  if (state.retired.has(record.author)) return state;
  switch (record.kind) {
    case 'node.founded':
      return state;
    case 'bucket.configured':
      return configureBucket(state, record);
    default:
      return state.nodes.length === 0 ? state : changeNodes(state, record);
  }
}

type NodeChange = Exclude<MembershipRecord, { kind: 'node.founded' | 'bucket.configured' }>;

function changeNodes(state: FoldState, record: NodeChange): FoldState {
  const known = state.nodes.find((node) => node.id === record.node);
  if (record.kind === 'node.added') {
    if (known !== undefined || state.retired.has(record.node)) return state;
    return replaced(state, [...state.nodes, asNode(record)]);
  }
  if (known === undefined) return state;
  const others = state.nodes.filter((node) => node !== known);
  switch (record.kind) {
    case 'node.removed':
      // The last node stays: a ring without nodes owns nothing, and nobody would be left to hear of the next change.
      return others.length === 0 ? state : retire(replaced(state, others), record.node);
    case 'node.replaced':
      return substitute(state, known, others, record);
    case 'node.reweighted':
      return known.weight === record.weight ? state : replaced(state, [...others, { ...known, weight: record.weight }]);
    case 'node.rezoned':
      return known.zone === record.zone ? state : replaced(state, [...others, { ...known, zone: record.zone }]);
  }
}

function replaced(state: FoldState, changed: readonly RingNode[]): FoldState {
  const nodes = sortedNodes(changed);
  return { ...state, nodes, table: place(nodes, state.partitions, state) };
}

function retire(state: FoldState, id: string): FoldState {
  return { ...state, retired: new Set([...state.retired, id]) };
}

/** The new node takes exactly the slots of the old one: nothing else moves. */
function substitute(
  state: FoldState,
  known: RingNode,
  others: readonly RingNode[],
  record: Extract<MembershipRecord, { kind: 'node.replaced' }>,
): FoldState {
  const taken = state.retired.has(record.by) || state.nodes.some((node) => node.id === record.by);
  if (taken) return state;
  const heir = asNode({ ...known, node: record.by, store: record.store });
  const nodes = sortedNodes([...others, heir]);
  const moved = state.nodes.map((node) =>
    nodes.findIndex((other) => other.id === (node === known ? heir.id : node.id)),
  );
  const owners = state.table.owners.map((owner) => (owner === vacant ? vacant : moved[owner]!));
  return retire({ ...state, nodes, table: { replicas: state.table.replicas, owners } }, known.id);
}

/**
 * The first configuration fixes the conflict rule, later ones change the rest. Of configurations made without knowledge of one another,
 * `siblings` wins over `lww`. A record does not say what its author knew, so concurrency is approximated: a record of another author
 * whose Lamport time is not above that of the first was certainly made without knowing it, and only such a one may turn `lww` into
 * `siblings`; one with a higher Lamport time counts as made later.
 */
function configureBucket(
  state: FoldState,
  record: Extract<MembershipRecord, { kind: 'bucket.configured' }>,
): FoldState {
  const { n, r, w, dw } = record.settings;
  if (r > n || w > n || (dw ?? 0) > w) return state;
  const first = state.buckets.get(record.bucket);
  const conflict = first === undefined ? record.settings.conflict : conflictRule(first, record);
  const settings: BucketSettings = Object.freeze({ ...record.settings, conflict });
  const fold: BucketFold = { settings, fixedAt: first?.fixedAt ?? record.lamport };
  return { ...state, buckets: new Map([...state.buckets, [record.bucket, fold]]) };
}

function conflictRule(
  first: BucketFold,
  later: Extract<MembershipRecord, { kind: 'bucket.configured' }>,
): BucketSettings['conflict'] {
  const concurrent = later.lamport <= first.fixedAt;
  return concurrent && later.settings.conflict === 'siblings' ? 'siblings' : first.settings.conflict;
}

function asNode(source: { node: string; store: string; weight: number; zone: string }): RingNode {
  return Object.freeze({ id: source.node, store: source.store, weight: source.weight, zone: source.zone });
}

function sortedNodes(nodes: readonly RingNode[]): readonly RingNode[] {
  return Object.freeze([...nodes].map((node) => Object.freeze(node)).sort((a, b) => (a.id < b.id ? -1 : 1)));
}

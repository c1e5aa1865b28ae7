import type { BucketSettings, MembershipRecord } from './contract.ts';
import { currentPlaces, isSettled, ownsAny } from './owners-core.ts';
import { Ownership } from './ownership-core.ts';
import { type Placed, place } from './placement-core.ts';
import type { RingNode } from './port.ts';
import { vacant } from './slots-core.ts';

/** What a bucket's records say, and who fixed its conflict rule when. */
interface BucketFold {
  readonly settings: BucketSettings;
  readonly fixedAt: number;
}

/** A history folded up to some record. Immutable: each step makes the next, so a fold can be taken up again in the middle. */
export interface FoldState {
  readonly partitions: number;
  /** The members, sorted by id. */
  readonly nodes: readonly RingNode[];
  /** Who should own each slot; its nodes are the members that are not leaving. */
  readonly targets: Placed;
  /** Who does own it. */
  readonly ownership: Ownership;
  /** The members when all owners were last as they should be. */
  readonly settled: readonly RingNode[];
  /** Ids that were removed, replaced or left: never members again, and not heard as authors. */
  readonly retired: ReadonlySet<string>;
  readonly buckets: ReadonlyMap<string, BucketFold>;
}

/** A fold of no founded cluster: bucket settings are already heard, all else waits for the founding. */
export function unfoundedState(partitions: number): FoldState {
  const nobody: Placed = { nodes: [], table: { replicas: 0, owners: new Uint16Array(0) } };
  return {
    partitions,
    nodes: [],
    targets: nobody,
    ownership: new Ownership(nobody),
    settled: [],
    retired: new Set(),
    buckets: new Map(),
  };
}

/** The state right after the founding: all founders placed in one step, owners of what they should own. */
export function foundedState(founders: readonly RingNode[], partitions: number): FoldState {
  const nodes = sortedNodes(founders);
  const targets = { nodes, table: place(nodes, partitions) };
  return { ...unfoundedState(partitions), nodes, targets, ownership: new Ownership(targets), settled: nodes };
}

/**
 * One record, in order. A record that makes no sense where it falls leaves the state as it is: an author or a node that was removed
 * before, a node that is already there or not there, settings that no quorum can meet.
 *
 * These are two folds in one. Changes of membership say who *should* own each slot ({@link FoldState.targets}), placed anew over the
 * owners of that moment. Hand-overs say who *does* ({@link FoldState.ownership}), whoever has become a member or none since: so a removed
 * author's hand-overs are heard too.
 */
export function foldStep(state: FoldState, record: MembershipRecord): FoldState {
  if (record.kind === 'slot.handedOver') {
    const ownership = state.ownership.after(record);
    return ownership === state.ownership ? state : { ...state, ownership };
  }
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

type NodeChange = Exclude<MembershipRecord, { kind: 'node.founded' | 'bucket.configured' | 'slot.handedOver' }>;

function changeNodes(state: FoldState, record: NodeChange): FoldState {
  const known = state.nodes.find((node) => node.id === record.node);
  if (record.kind === 'node.added') {
    if (known !== undefined || state.retired.has(record.node)) return state;
    return changed(state, [...state.nodes, asNode(record)]);
  }
  if (known === undefined) return state;
  const others = state.nodes.filter((node) => node !== known);
  // Somebody stays: a ring without nodes owns nothing, and nobody would be left to hear of the next change.
  const othersStay = others.some((node) => node.leaving !== true);
  switch (record.kind) {
    case 'node.removed':
      return othersStay ? retire(changed(state, others), record.node) : state;
    case 'node.replaced':
      return substitute(state, known, others, record);
    case 'node.reweighted':
      return known.weight === record.weight ? state : changed(state, [...others, { ...known, weight: record.weight }]);
    case 'node.rezoned':
      return known.zone === record.zone ? state : changed(state, [...others, { ...known, zone: record.zone }]);
    case 'node.leaving':
      return known.leaving || !othersStay ? state : changed(state, [...others, { ...known, leaving: true }]);
    case 'node.staying':
      return known.leaving ? changed(state, [...others, staying(known)]) : state;
    case 'store.replaced':
      return record.author === known.id && record.store !== known.store ? restored(state, known, record.store) : state;
    case 'node.left':
      return known.leaving && !ownsAny(state, known.id) ? retire({ ...state, nodes: others }, known.id) : state;
  }
}

/** Other members, or members described otherwise: all slots are placed anew, with the fewest moves from who owns them now. */
function changed(state: FoldState, members: readonly RingNode[]): FoldState {
  const nodes = sortedNodes(members);
  const settled = isSettled(state) ? state.nodes : state.settled;
  const stay = nodes.filter((node) => node.leaving !== true);
  const table = place(stay, state.partitions, currentPlaces(state));
  return { ...state, nodes, targets: { nodes: stay, table }, settled };
}

function retire(state: FoldState, id: string): FoldState {
  return { ...state, retired: new Set([...state.retired, id]) };
}

/** The same node over another store: it stands where it stood. */
function restored(state: FoldState, known: RingNode, store: string): FoldState {
  const withStore = (nodes: readonly RingNode[]) =>
    sortedNodes(nodes.map((node) => (node.id === known.id ? { ...node, store } : node)));
  const { nodes, targets } = state;
  return { ...state, nodes: withStore(nodes), targets: { ...targets, nodes: withStore(targets.nodes) } };
}

function staying({ id, store, weight, zone }: RingNode): RingNode {
  return { id, store, weight, zone };
}

/** The new node shall have exactly the slots that the old one should have had: nothing else moves. */
function substitute(
  state: FoldState,
  known: RingNode,
  others: readonly RingNode[],
  record: Extract<MembershipRecord, { kind: 'node.replaced' }>,
): FoldState {
  const taken = state.retired.has(record.by) || state.nodes.some((node) => node.id === record.by);
  if (taken) return state;
  const heir = asNode({ ...known, node: record.by, store: record.store });
  if (known.leaving) return retire(changed(state, [...others, heir]), known.id);
  const stay = sortedNodes(state.targets.nodes.map((node) => (node.id === known.id ? heir : node)));
  const moved = state.targets.nodes.map((node) =>
    stay.findIndex((other) => other.id === (node.id === known.id ? heir.id : node.id)),
  );
  const owners = state.targets.table.owners.map((owner) => (owner === vacant ? vacant : moved[owner]!));
  const targets = { nodes: stay, table: { replicas: state.targets.table.replicas, owners } };
  const settled = isSettled(state) ? state.nodes : state.settled;
  return retire({ ...state, nodes: sortedNodes([...others, heir]), targets, settled }, known.id);
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

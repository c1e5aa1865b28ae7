import {
  extendHistory,
  type History,
  type MembershipRecord,
  planTransfers,
  type Ring,
  type RingBalance,
  type RingNode,
  type SlotTransfer,
  settledNodes,
} from '@ringfort/ring';
import type { ClusterChange, ClusterPlan, PlannedNode } from './changes.ts';
import { recordOfChange } from './changes-core.ts';

/** The records of these changes on top of the history. @throws ChangeRefusedError */
export function recordsOfChanges(
  history: History,
  changes: readonly ClusterChange[],
  author: string,
  lamport: number,
): { readonly records: readonly MembershipRecord[]; readonly after: History } {
  let after = history;
  const records = changes.map((change, index) => {
    const record = recordOfChange(after, change, author, lamport + index);
    after = extendHistory(after, [record]);
    return record;
  });
  return { records, after };
}

/**
 * What these changes would do if `author` committed them now. Pure: nothing is written.
 * @throws ChangeRefusedError
 */
export function planChanges(history: History, changes: readonly ClusterChange[], author: string): ClusterPlan {
  const lamport = Math.max(0, ...history.records.map((record) => record.lamport)) + 1;
  const [before, after] = [history.ring, recordsOfChanges(history, changes, author, lamport).after.ring];
  const { transfers, before: loadBefore, after: loadAfter } = planTransfers(before, after);
  const zones = {
    count: new Set(after.nodes.filter((node) => !node.leaving).map(({ zone }) => zone)).size,
    crowdedBefore: crowded(before, (partition) => before.owners(partition)),
    crowdedAfter: crowded(after, (partition) => after.targets(partition)),
  };
  return {
    basedOn: before.version,
    changes,
    partitions: after.partitions,
    moves: transfers,
    underWay: pendingMoves(before),
    nodes: plannedNodes({ before, after, transfers, loadBefore, loadAfter }),
    efficiencyBefore: loadBefore.efficiency,
    efficiencyAfter: loadAfter.efficiency,
    zones,
    warnings: warningsOf(before, after, zones),
  };
}

function pendingMoves(ring: Ring): number {
  let moves = 0;
  for (let partition = 0; ring.founded && partition < ring.partitions; partition++)
    moves += ring.moves(partition).length;
  return moves;
}

/** Partitions that have two replicas in one zone. */
function crowded(ring: Ring, nodesOf: (partition: number) => readonly string[]): number {
  let found = 0;
  for (let partition = 0; ring.founded && partition < ring.partitions; partition++) {
    const nodes = nodesOf(partition);
    const zones = new Set(nodes.map((node) => ring.node(node)?.zone));
    if (zones.size < nodes.length) found += 1;
  }
  return found;
}

function plannedNodes({
  before,
  after,
  transfers,
  loadBefore,
  loadAfter,
}: {
  before: Ring;
  after: Ring;
  transfers: readonly SlotTransfer[];
  loadBefore: RingBalance;
  loadAfter: RingBalance;
}): PlannedNode[] {
  const ids = [...new Set([...before.nodes, ...after.nodes].map(({ id }) => id))].sort();
  const had = new Map(loadBefore.nodes.map((load) => [load.node, load.slots]));
  const gets = new Map(loadAfter.nodes.map((load) => [load.node, load]));
  return ids.map((node) => {
    const { zone, weight } = (after.node(node) ?? before.node(node))!;
    const fate = fateOf(before.node(node), after.node(node));
    return {
      node,
      zone,
      weight,
      ...(fate === undefined ? {} : { fate }),
      slotsBefore: had.get(node) ?? 0,
      slotsAfter: gets.get(node)?.slots ?? 0,
      share: gets.get(node)?.share ?? 0,
      gives: transfers.filter(({ from }) => from === node).length,
      receives: transfers.filter(({ to }) => to === node).length,
    };
  });
}

function fateOf(before: RingNode | undefined, after: RingNode | undefined): PlannedNode['fate'] {
  if (before === undefined) return 'joins';
  if (after === undefined) return 'lost';
  return after.leaving ? 'leaves' : undefined;
}

function warningsOf(before: Ring, after: Ring, { count, crowdedAfter }: ClusterPlan['zones']): string[] {
  const warnings: string[] = [];
  const stay = after.nodes.filter((node) => !node.leaving).length;
  const replicas = after.targets(0).length;
  if (crowdedAfter > 0) {
    warnings.push(
      `${crowdedAfter} of ${after.partitions} partitions would have two replicas in one zone, as there are ${count} zones for ` +
        `${replicas} replicas: the loss of one zone could take a quorum with it. Add nodes in another zone.`,
    );
  }
  if (stay < 3 && stay < before.nodes.filter((node) => !node.leaving).length) {
    warnings.push(`only ${stay} nodes would stay: each partition would have ${replicas} replicas instead of 3.`);
  }
  const lost = before.nodes.filter(({ id }) => after.node(id) === undefined).map(({ id }) => id);
  if (lost.length > 1) {
    warnings.push(
      `${lost.join(' and ')} are declared dead at once: what only they hold is lost, and strict requests of their common partitions fail until these are filled.`,
    );
  }
  return warnings;
}

/**
 * The changes that take back what is under way: from the members as they are to the members as they were when every slot was last owned by
 * whom it should be. A node that was declared dead since stays so.
 */
export function changesBack(history: History): ClusterChange[] {
  const { ring } = history;
  if (pendingMoves(ring) === 0) return [];
  const settled = new Map(settledNodes(history).map((node) => [node.id, node]));
  return ring.nodes.flatMap((node): ClusterChange[] => {
    const was = settled.get(node.id);
    const leave: ClusterChange = { type: 'leave', node: node.id };
    if (was === undefined) return node.leaving ? [] : [leave];
    const back: ClusterChange[] = [];
    if (was.weight !== node.weight) back.push({ type: 'reweight', node: node.id, weight: was.weight });
    if (was.zone !== node.zone) back.push({ type: 'rezone', node: node.id, zone: was.zone });
    if (!was.leaving && node.leaving) back.push({ type: 'stay', node: node.id });
    if (was.leaving && !node.leaving) back.push(leave);
    return back;
  });
}

/** Slots that are not owned by whom they should be. */
export function movesUnderWay(history: History): number {
  return pendingMoves(history.ring);
}

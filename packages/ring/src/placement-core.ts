import { keepReplicas, spreadReplicas } from './arrange-core.ts';
import { moveDirectly } from './direct-core.ts';
import { seedOf } from './hash-core.ts';
import type { RingNode } from './port.ts';
import { imbalance, Repair } from './repair-core.ts';
import type { Bounds } from './residual-core.ts';
import { defaultReplication, feasibleShares, loadBounds } from './shares-core.ts';
import { type OwnerTable, Slots, vacant } from './slots-core.ts';

/** A node list with its owners: what the next placement starts from. */
export interface Placed {
  readonly nodes: readonly RingNode[];
  readonly table: OwnerTable;
}

/**
 * Strategy 3 of the Dynamo paper (section 6.2): `partitions` equal partitions, placed over the nodes. In this precedence:
 * 1. the replicas of a partition are on distinct nodes;
 * 2. on distinct zones while there are as many zones as replicas, else spread as evenly as the zones allow;
 * 3. the load of every node (its slots) is within one of its feasible weighted share ({@link feasibleShares});
 * 4. the fewest slots move from `previous`.
 *
 * All four are met exactly, not approximately. 1 to 3 are the capacities of a network flow whose fractional solution (each node at its
 * share, spread evenly over the partitions) exists, so a whole one exists; 4 is its cost. The direct moves made greedily are all of
 * cost 1, the least that any path can cost at that time, and what they leave is repaired along shortest augmenting paths ({@link Repair}),
 * which keep the cost minimal. Then loads are brought to the floor or ceiling of the share where that costs no move. The result is a
 * pure function of its arguments: ties are broken by hashes of node id and partition, never by the order of the list.
 */
export function place(
  nodes: readonly RingNode[],
  partitions: number,
  previous?: Placed,
  replication = defaultReplication,
): OwnerTable {
  if (nodes.length === 0) return { replicas: 0, owners: new Uint16Array(0) };
  const feasible = feasibleShares(nodes, partitions, replication);
  const slots = new Slots(
    feasible,
    partitions,
    nodes.map((node) => seedOf(node.id)),
  );
  const origin = previous === undefined ? undefined : originOf(nodes, partitions, previous);
  if (origin !== undefined) retain(slots, origin);
  const tight = loadBounds(feasible, partitions, 'tight');
  if (origin === undefined) balance(slots, tight);
  else {
    balance(slots, loadBounds(feasible, partitions, 'loose'));
    new Repair(slots, tight).run(0);
  }
  if (origin === undefined) spreadReplicas(slots);
  else keepReplicas(slots, origin);
  return { replicas: feasible.replicas, owners: slots.rows };
}

function originOf(nodes: readonly RingNode[], partitions: number, previous: Placed): OwnerTable | undefined {
  if (previous.table.owners.length !== partitions * previous.table.replicas || previous.table.replicas === 0)
    return undefined;
  const indexOf = new Map(nodes.map((node, index) => [node.id, index]));
  const renamed = previous.nodes.map((node) => indexOf.get(node.id) ?? vacant);
  return {
    replicas: previous.table.replicas,
    owners: previous.table.owners.map((owner) => (owner === vacant ? vacant : renamed[owner]!)),
  };
}

/** Puts the previous owners back, except where a zone would hold too many: there the node furthest above its share gives way. */
function retain(slots: Slots, origin: OwnerTable): void {
  const { shares, zoneOf } = slots.feasible;
  const counts = new Int32Array(slots.nodes);
  for (const owner of origin.owners) if (owner !== vacant) counts[owner]!++;
  for (let partition = 0; partition < slots.partitions; partition++) {
    const row = origin.owners.subarray(partition * origin.replicas, (partition + 1) * origin.replicas);
    const held = [...row].map((node, replica) => ({ node, replica })).filter(({ node }) => node !== vacant);
    for (const { node } of held) slots.markOriginal(partition, node);
    held.sort(
      (a, b) => counts[a.node]! - shares[a.node]! - (counts[b.node]! - shares[b.node]!) || a.replica - b.replica,
    );
    for (const { node, replica } of held) {
      if (!slots.hasZoneRoom(partition, zoneOf[node]!)) counts[node]!--;
      else slots.put(partition, freeReplica(slots, partition, replica), node);
    }
  }
}

/** The replica number that a node had, while it is free and exists. */
function freeReplica(slots: Slots, partition: number, replica: number): number {
  const free = replica < slots.replicas && slots.rows[partition * slots.replicas + replica] === vacant;
  return free ? replica : slots.vacancy(partition);
}

function balance(slots: Slots, bounds: Bounds): void {
  const repair = new Repair(slots, bounds);
  repair.run(0);
  fillVacancies(slots, bounds);
  moveDirectly(slots, bounds);
  repair.run(Number.POSITIVE_INFINITY);
}

/** Gives each vacancy to a node with room, at random in proportion to need, while that is a path of cost 1. */
function fillVacancies(slots: Slots, bounds: Bounds): void {
  let { surplus, lack } = imbalance(slots, bounds);
  for (let partition = 0; partition < slots.partitions && surplus > 0; partition++) {
    for (let replica = 0; replica < slots.replicas; replica++) {
      if (slots.rows[partition * slots.replicas + replica] !== vacant) continue;
      const node = bestTaker(slots, bounds, partition, replica, surplus > lack);
      if (node === -1) continue;
      if (slots.load[node]! < bounds.lo[node]!) lack--;
      surplus--;
      slots.put(partition, replica, node);
    }
  }
}

function bestTaker(slots: Slots, bounds: Bounds, partition: number, replica: number, optional: boolean): number {
  const { zoneOf, shares } = slots.feasible;
  let best = -1;
  let bestScore = -1;
  for (let node = 0; node < slots.nodes; node++) {
    const limit = optional ? bounds.hi[node]! : bounds.lo[node]!;
    if (slots.load[node]! >= limit || slots.holds(partition, node) || !slots.hasZoneRoom(partition, zoneOf[node]!))
      continue;
    const columnNeed = shares[node]! / slots.replicas - slots.columnLoad[node * slots.replicas + replica]!;
    const urgent = slots.need(node) >= slots.partitions - partition - 1e-7 ? 2 ** 60 : 0;
    const score =
      urgent + (Math.max(0.5, slots.need(node)) + 2 * Math.max(0, columnNeed)) * slots.draw(partition, node);
    if (score > bestScore) {
      best = node;
      bestScore = score;
    }
  }
  return best;
}

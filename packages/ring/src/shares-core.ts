import type { RingNode } from './port.ts';

/** Replicas of each partition in the owner table (the paper's N). Buckets with a higher n go on into the fallbacks. */
export const defaultReplication = 3;

/** Shares are sums of floats: differences below this are none. */
const epsilon = 1e-7;

/** Lighter nodes count as this light, so that shares stay exact beside the heaviest (weight 1,000). */
const leastWeight = 1e-6;

const weightOf = (node: RingNode): number => Math.max(leastWeight, node.weight);

/** What a node list allows: how many slots each node should, must and may hold. Indices follow the node list. */
export interface Feasible {
  /** Replicas per partition: the replication, or the number of nodes when there are fewer. */
  readonly replicas: number;
  /** Zone number of each node. */
  readonly zoneOf: readonly number[];
  /** Number of zones. */
  readonly zones: number;
  /** At most so many replicas of one partition in one zone. */
  readonly zoneLimit: number;
  /** Slots that each node should hold; sums to partitions x replicas. */
  readonly shares: readonly number[];
}

/** The least h such that zones that give at most h nodes each can hold all replicas of a partition: 1 while there are enough zones. */
function zoneLimitOf(zoneSizes: readonly number[], replicas: number): number {
  let limit = 1;
  while (limit < replicas && zoneSizes.reduce((sum, size) => sum + Math.min(size, limit), 0) < replicas) limit++;
  return limit;
}

/**
 * The feasible weighted share of each node: weighted max-min fairness by progressive filling. All shares rise in proportion to the
 * weights; a node stops at one replica of each partition, and all nodes of a zone stop when the zone holds `zoneLimit` replicas of
 * each; the rest goes to the others. Such real-valued shares can always be met by whole slots to within one (flow integrality).
 */
export function feasibleShares(
  nodes: readonly RingNode[],
  partitions: number,
  replication = defaultReplication,
): Feasible {
  const zoneNames = [...new Set(nodes.map((node) => node.zone))].sort();
  const zoneOf = nodes.map((node) => zoneNames.indexOf(node.zone));
  const zoneSizes = zoneNames.map((_, zone) => zoneOf.filter((other) => other === zone).length);
  const replicas = Math.min(replication, nodes.length);
  const zoneLimit = zoneLimitOf(zoneSizes, replicas);
  const shares = nodes.map(() => 0);
  const rising = new Set(nodes.keys());
  let left = partitions * replicas;
  // Each round spends all that is left or stops a node.
  for (let round = 0; round < nodes.length && rising.size > 0 && left > epsilon; round++) {
    const step = risingStep(nodes, shares, rising, zoneOf, {
      left,
      nodeCap: partitions,
      zoneCap: partitions * zoneLimit,
    });
    for (const index of rising) shares[index]! += step * weightOf(nodes[index]!);
    left = partitions * replicas - shares.reduce((sum, share) => sum + share, 0);
    freezeFull(shares, rising, zoneOf, partitions, partitions * zoneLimit);
  }
  return { replicas, zoneOf, zones: zoneNames.length, zoneLimit, shares };
}

/** How far the level can rise before the slots are spent, a node is full or a zone is full. */
function risingStep(
  nodes: readonly RingNode[],
  shares: readonly number[],
  rising: ReadonlySet<number>,
  zoneOf: readonly number[],
  caps: { left: number; nodeCap: number; zoneCap: number },
): number {
  const zoneWeight: number[] = [];
  let weight = 0;
  let step = Number.POSITIVE_INFINITY;
  for (const index of rising) {
    const own = weightOf(nodes[index]!);
    weight += own;
    zoneWeight[zoneOf[index]!] = (zoneWeight[zoneOf[index]!] ?? 0) + own;
    step = Math.min(step, (caps.nodeCap - shares[index]!) / own);
  }
  const held = zoneTotals(shares, zoneOf);
  zoneWeight.forEach((own, zone) => {
    step = Math.min(step, (caps.zoneCap - held[zone]!) / own);
  });
  return Math.max(0, Math.min(step, caps.left / weight));
}

function zoneTotals(shares: readonly number[], zoneOf: readonly number[]): number[] {
  const totals: number[] = [];
  shares.forEach((share, index) => {
    totals[zoneOf[index]!] = (totals[zoneOf[index]!] ?? 0) + share;
  });
  return totals;
}

function freezeFull(
  shares: readonly number[],
  rising: Set<number>,
  zoneOf: readonly number[],
  nodeCap: number,
  zoneCap: number,
): void {
  const held = zoneTotals(shares, zoneOf);
  for (const index of rising) {
    if (shares[index]! >= nodeCap - epsilon || held[zoneOf[index]!]! >= zoneCap - epsilon) rising.delete(index);
  }
}

/** Whole-slot bounds around the shares: within one of them (`loose`), or their two neighbours (`tight`). */
export function loadBounds(
  feasible: Feasible,
  partitions: number,
  kind: 'loose' | 'tight',
): { lo: number[]; hi: number[] } {
  const slack = kind === 'loose' ? 1 : 0;
  const lo = feasible.shares.map((share) =>
    Math.max(0, slack ? Math.ceil(share - 1 - epsilon) : Math.floor(share + epsilon)),
  );
  const hi = feasible.shares.map((share) =>
    Math.min(partitions, slack ? Math.floor(share + 1 + epsilon) : Math.ceil(share - epsilon)),
  );
  return { lo, hi };
}

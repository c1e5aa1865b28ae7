import { imbalance } from './repair-core.ts';
import type { Bounds } from './residual-core.ts';
import type { Slots } from './slots-core.ts';

/** The slots of every node, as indices into the rows. */
function slotsByNode(slots: Slots): number[][] {
  const lists: number[][] = Array.from({ length: slots.nodes }, () => []);
  slots.rows.forEach((node, index) => {
    lists[node]?.push(index);
  });
  return lists;
}

/** The eligible node with the most to gain (`sign` 1) or to give (`sign` -1); -1 when none is eligible. */
function neediest(slots: Slots, sign: 1 | -1, isEligible: (node: number) => boolean): number {
  let best = -1;
  for (let node = 0; node < slots.nodes; node++) {
    if (isEligible(node) && (best === -1 || sign * slots.need(node) > sign * slots.need(best))) best = node;
  }
  return best;
}

/**
 * Moves slots straight from nodes with too many to nodes with too few, one of cost 1 at a time. A pair of nodes that has no such slot is
 * not tried again: what is left then is for the repair. Ends: each step moves a slot, or gives up a pair or a taker.
 */
export function moveDirectly(slots: Slots, bounds: Bounds): void {
  const lists = slotsByNode(slots);
  const givenUp = new Set<number>();
  const pair = (giver: number, taker: number) => giver * slots.nodes + taker;
  for (;;) {
    const { surplus, lack } = imbalance(slots, bounds);
    const ceiling = surplus > lack ? bounds.hi : bounds.lo;
    const floor = lack > surplus ? bounds.lo : bounds.hi;
    const taker = neediest(slots, 1, (node) => slots.load[node]! < ceiling[node]! && !givenUp.has(pair(node, node)));
    if (taker === -1) return;
    const giver = neediest(slots, -1, (node) => slots.load[node]! > floor[node]! && !givenUp.has(pair(node, taker)));
    if (giver === -1) givenUp.add(pair(taker, taker));
    else if (!moveOne(slots, lists[giver]!, giver, taker)) givenUp.add(pair(giver, taker));
  }
}

/** Moves one slot from giver to taker: of those that keep the zones apart, one of the replica number that evens both out. */
function moveOne(slots: Slots, candidates: readonly number[], giver: number, taker: number): boolean {
  const { replicas, columnLoad, rows } = slots;
  const { zoneOf } = slots.feasible;
  const zone = zoneOf[taker]!;
  let best = -1;
  let bestScore = Number.POSITIVE_INFINITY;
  for (const index of candidates) {
    const partition = Math.floor(index / replicas);
    if (rows[index] !== giver || slots.holds(partition, taker)) continue;
    if (zoneOf[giver] !== zone && !slots.hasZoneRoom(partition, zone)) continue;
    const replica = index - partition * replicas;
    const skew = columnLoad[taker * replicas + replica]! - columnLoad[giver * replicas + replica]!;
    const score = skew * 2 ** 32 + slots.draw(partition, taker);
    if (score < bestScore) {
      best = index;
      bestScore = score;
    }
  }
  if (best === -1) return false;
  const partition = Math.floor(best / replicas);
  slots.take(partition, best % replicas);
  slots.put(partition, best % replicas, taker);
  return true;
}

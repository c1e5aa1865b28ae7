import { imbalance } from './repair-core.ts';
import type { Bounds } from './residual-core.ts';
import type { Slots } from './slots-core.ts';

/**
 * The partitions of every node by replica number, in an order drawn by hash, with a cursor for each pair of giver and taker. What a cursor
 * has passed is not looked at again: in a run of direct moves a slot that was no use to the taker stays so, but for rare ones where
 * a zone gets room again, which the repair finds.
 */
class Candidates {
  readonly #slots: Slots;
  readonly #lists: number[][];
  readonly #drawn = new Set<number>();
  readonly #cursors = new Map<number, number>();

  constructor(slots: Slots) {
    const { replicas, nodes } = slots;
    this.#slots = slots;
    this.#lists = Array.from({ length: nodes * replicas }, () => []);
    slots.rows.forEach((node, index) => {
      this.#lists[node * replicas + (index % replicas)]?.push(Math.floor(index / replicas));
    });
  }

  /** A partition whose replica the giver can hand to the taker, its zones kept apart; -1 when there is none. */
  next(giver: number, taker: number, replica: number): number {
    const list = this.#listOf(giver, replica);
    const key = (giver * this.#slots.nodes + taker) * this.#slots.replicas + replica;
    for (let at = this.#cursors.get(key) ?? 0; at < list.length; at++) {
      const partition = list[at]!;
      if (!this.#suits(partition, replica, giver, taker)) continue;
      this.#cursors.set(key, at + 1);
      return partition;
    }
    this.#cursors.set(key, list.length);
    return -1;
  }

  #listOf(node: number, replica: number): number[] {
    const key = node * this.#slots.replicas + replica;
    const list = this.#lists[key]!;
    if (!this.#drawn.has(key)) {
      this.#drawn.add(key);
      list.sort((a, b) => this.#slots.draw(a, node) - this.#slots.draw(b, node) || a - b);
    }
    return list;
  }

  #suits(partition: number, replica: number, giver: number, taker: number): boolean {
    const slots = this.#slots;
    const { zoneOf } = slots.feasible;
    if (slots.rows[partition * slots.replicas + replica] !== giver || slots.holds(partition, taker)) return false;
    return zoneOf[giver] === zoneOf[taker] || slots.hasZoneRoom(partition, zoneOf[taker]!);
  }
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
  const candidates = new Candidates(slots);
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
    else if (!moveOne(slots, candidates, giver, taker)) givenUp.add(pair(giver, taker));
  }
}

/** Moves one slot from giver to taker, if any can be moved: of the replica number that evens both out best. */
function moveOne(slots: Slots, candidates: Candidates, giver: number, taker: number): boolean {
  const { replicas, columnLoad } = slots;
  const skew = (replica: number) => columnLoad[taker * replicas + replica]! - columnLoad[giver * replicas + replica]!;
  const byEvenness = [...Array(replicas).keys()].sort((a, b) => skew(a) - skew(b) || a - b);
  for (const replica of byEvenness) {
    const partition = candidates.next(giver, taker, replica);
    if (partition === -1) continue;
    slots.take(partition, replica);
    slots.put(partition, replica, taker);
    return true;
  }
  return false;
}

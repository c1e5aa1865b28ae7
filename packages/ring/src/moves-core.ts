import type { MembershipRecord, SlotHandedOver } from './contract.ts';
import type { SlotState } from './ownership-core.ts';
import type { SlotMove } from './port.ts';

/**
 * What makes the owners of a partition its targets, with the fewest hand-overs, in the order in which they go: successions that somebody
 * has recorded already, other vacant slots, slots with an owner, slots to be closed. Only the first may go on, so that never two slots of a
 * partition are under way at once; nodes that hold the same history see the same first one.
 *
 * An owner that stays an owner keeps its slot, unless there are to be fewer slots: then it goes down into one that another leaves.
 */
export function movesOf(partition: number, slots: readonly SlotState[], targets: readonly string[]): SlotMove[] {
  if (slots.length === targets.length && targets.every((node, replica) => slots[replica]!.owner === node)) return [];
  const nextOf = successors(slots, targets);
  const moves: SlotMove[] = [];
  const all = Math.max(slots.length, targets.length);
  for (let replica = 0; replica < all; replica++) {
    const state = slots[replica] ?? neverHeld;
    const to = nextOf.get(replica);
    const closes = replica >= targets.length && state.owner !== undefined && !targets.includes(state.owner);
    if (to !== undefined || closes) moves.push(moveOf(partition, replica, slots, to));
  }
  return moves.sort((a, b) => rankOf(a) - rankOf(b) || a.replica - b.replica);
}

const neverHeld: SlotState = Object.freeze({
  owner: undefined,
  from: undefined,
  turn: 0,
  successor: undefined,
  witnessed: Object.freeze([]),
});

/** Who comes into each slot that is to change hands. */
function successors(slots: readonly SlotState[], targets: readonly string[]): Map<number, string> {
  const open: number[] = [];
  let arriving = [...targets];
  for (let replica = 0; replica < targets.length; replica++) {
    const owner = slots[replica]?.owner;
    if (owner !== undefined && targets.includes(owner)) arriving = arriving.filter((node) => node !== owner);
    else open.push(replica);
  }
  const nextOf = new Map<number, string>();
  const assign = (replica: number, node: string | undefined) => {
    if (node === undefined || nextOf.has(replica)) return;
    nextOf.set(replica, node);
    arriving = arriving.filter((other) => other !== node);
  };
  for (const replica of open) assign(replica, slots[replica]?.successor);
  for (const replica of open) if (arriving.includes(targets[replica]!)) assign(replica, targets[replica]);
  for (const replica of open) assign(replica, arriving[0]);
  return nextOf;
}

function moveOf(partition: number, replica: number, slots: readonly SlotState[], to: string | undefined): SlotMove {
  const { owner, from, turn, witnessed } = slots[replica] ?? neverHeld;
  const base = {
    partition,
    replica,
    turn,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
  if (owner !== undefined) return Object.freeze({ ...base, vacant: false, recorders: [owner], recorded: [] });
  const others = slots.flatMap((slot, at) => (at === replica ? [] : (slot.owner ?? [])));
  // Nobody is left who could tell what was there: the successor begins with what it has.
  const recorders = others.length > 0 ? others : [to!];
  return Object.freeze({ ...base, vacant: true, recorders, recorded: witnessed });
}

function rankOf(move: SlotMove): number {
  if (move.recorded.length > 0) return 0;
  if (move.vacant) return 1;
  return move.to === undefined ? 3 : 2;
}

/**
 * Whether it is the node's turn to record this move, which must be the first of its partition. Of several recorders the first one fixes
 * the successor, and the others follow; each when the successor holds all that it holds itself.
 */
export function mayRecord(move: SlotMove, node: string): boolean {
  if (!move.recorders.includes(node) || move.recorded.includes(node)) return false;
  return move.recorded.length > 0 || move.recorders[0] === node;
}

/** The record by which the author says that the move is done, as far as it depends on it ({@link mayRecord}). */
export function handOverRecord(move: SlotMove, author: string, lamport: number): MembershipRecord {
  const { partition, replica, turn, from, to } = move;
  const record: SlotHandedOver = { kind: 'slot.handedOver', lamport, author, partition, replica, turn };
  if (from !== undefined) record.from = from;
  if (to !== undefined) record.to = to;
  if (move.vacant) record.witnesses = [...move.recorders];
  return record;
}

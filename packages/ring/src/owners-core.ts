import { movesOf } from './moves-core.ts';
import { type Ownership, type SlotState, slotStates } from './ownership-core.ts';
import type { Placed } from './placement-core.ts';
import type { RingNode } from './port.ts';
import { defaultReplication } from './shares-core.ts';
import { type OwnerTable, vacant } from './slots-core.ts';

/** Owners as they are beside owners as they should be: what rings and the next placement are made from. */
export interface Owners {
  readonly partitions: number;
  readonly nodes: readonly RingNode[];
  readonly targets: Placed;
  readonly ownership: Ownership;
}

export function slotsOf({ nodes, ownership }: Owners, partition: number): SlotState[] {
  return slotStates(ownership.row(partition), (id) => nodes.some((node) => node.id === id));
}

/** Who should own the partition's slots, by replica. */
export function targetsOf({ targets: { nodes, table } }: Owners, partition: number): string[] {
  const row = table.owners.subarray(partition * table.replicas, (partition + 1) * table.replicas);
  return Array.from(row, (index) => nodes[index]!.id);
}

/** Whether nothing is to be handed over. */
export function isSettled(owners: Owners): boolean {
  for (let partition = 0; partition < owners.partitions; partition++) {
    if (movesOf(partition, slotsOf(owners, partition), targetsOf(owners, partition)).length > 0) return false;
  }
  return true;
}

/** Whether the node owns a slot, or has been named as the successor for one. */
export function ownsAny(owners: Owners, node: string): boolean {
  for (let partition = 0; partition < owners.partitions; partition++) {
    if (slotsOf(owners, partition).some(({ owner, successor }) => owner === node || successor === node)) return true;
  }
  return false;
}

/** What the next placement starts from: who owns each slot, or has been named as its successor. */
export function currentPlaces(owners: Owners): Placed {
  return { nodes: owners.nodes, table: tableOf(owners, (slots) => slots.map((slot) => slot.owner ?? slot.successor)) };
}

/** The first places of preference lists: who owns each slot, or is to fill it while it is vacant. */
export function firstPlaces(owners: Owners): OwnerTable {
  return tableOf(owners, (slots, partition) => {
    const places = slots.map(({ owner }) => owner);
    if (places.length === defaultReplication && !places.includes(undefined)) return places;
    for (const { vacant: isVacant, replica, to } of movesOf(partition, slots, targetsOf(owners, partition))) {
      if (isVacant) places[replica] = to;
    }
    return places;
  });
}

function tableOf(
  owners: Owners,
  rowOf: (slots: readonly SlotState[], partition: number) => readonly (string | undefined)[],
): OwnerTable {
  const indexOf = new Map(owners.nodes.map(({ id }, index) => [id, index]));
  const isMember = (id: string) => indexOf.has(id);
  const rows: number[][] = [];
  for (let partition = 0; partition < owners.partitions; partition++) {
    const row = rowOf(slotStates(owners.ownership.row(partition), isMember), partition);
    rows.push(Array.from(row, (id) => (id === undefined ? vacant : (indexOf.get(id) ?? vacant))));
  }
  const replicas = rows.reduce((most, row) => Math.max(most, row.length), 0);
  const table = new Uint16Array(owners.partitions * replicas).fill(vacant);
  rows.forEach((row, partition) => {
    row.forEach((node, replica) => {
      // A node that is to go down into a vacant slot stands there, not in its old one as well.
      if (row.indexOf(node) === replica) table[partition * replicas + replica] = node;
    });
  });
  return { replicas, owners: table };
}

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

function memberTest(nodes: readonly RingNode[]): (id: string) => boolean {
  const ids = new Set(nodes.map(({ id }) => id));
  return (id) => ids.has(id);
}

/** Who should own the partition's slots, by replica. */
export function targetsOf({ targets: { nodes, table } }: Owners, partition: number): string[] {
  const row = table.owners.subarray(partition * table.replicas, (partition + 1) * table.replicas);
  return Array.from(row, (index) => nodes[index]!.id);
}

/** Whether nothing is to be handed over. */
export function isSettled(owners: Owners): boolean {
  const isMember = memberTest(owners.nodes);
  for (let partition = 0; partition < owners.partitions; partition++) {
    const slots = slotStates(owners.ownership.row(partition), isMember);
    if (movesOf(partition, slots, targetsOf(owners, partition)).length > 0) return false;
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
  { nodes, ownership, partitions }: Owners,
  rowOf: (slots: readonly SlotState[], partition: number) => readonly (string | undefined)[],
): OwnerTable {
  const indexOf = new Map(nodes.map(({ id }, index) => [id, index]));
  const isMember = (id: string) => indexOf.has(id);
  const founders = ownership.founding.nodes.map(({ id }) => indexOf.get(id) ?? vacant);
  const table = new Uint16Array(partitions * defaultReplication).fill(vacant);
  for (let partition = 0; partition < partitions; partition++) {
    const row = table.subarray(partition * defaultReplication, (partition + 1) * defaultReplication);
    if (ownership.isUntouched(partition) && foundedRow(ownership.founding.table, partition, founders, row)) continue;
    const ids = rowOf(slotStates(ownership.row(partition), isMember), partition);
    ids.forEach((id, replica) => {
      // A node that is to go down into a vacant slot stands there, not in its old one as well.
      row[replica] = id === undefined || ids.indexOf(id) !== replica ? vacant : (indexOf.get(id) ?? vacant);
    });
  }
  return { replicas: defaultReplication, owners: table };
}

/** Most rows are as they were founded, all their owners still there: these are copied. False for any other. */
function foundedRow(
  { replicas, owners }: OwnerTable,
  partition: number,
  founders: readonly number[],
  out: Uint16Array,
): boolean {
  if (replicas !== defaultReplication) return false;
  for (let replica = 0; replica < replicas; replica++) {
    const node = founders[owners[partition * replicas + replica]!]!;
    if (node === vacant) return false;
    out[replica] = node;
  }
  return true;
}

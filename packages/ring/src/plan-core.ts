import { PartitionsDifferError } from './errors.ts';
import type { Ring } from './port.ts';
import { feasibleShares } from './shares-core.ts';

/** One slot that changes hands. */
export interface SlotTransfer {
  readonly partition: number;
  /** The slot's number among those of the partition, from 0. */
  readonly replica: number;
  /** The owner that gives the slot up; absent when nobody owns it (a founding, more replicas than before, a node that was removed). */
  readonly from?: string;
  readonly to: string;
}

export interface NodeLoad {
  readonly node: string;
  /** Slots that the node owns. */
  readonly slots: number;
  /** Its feasible weighted share of them; 0 for a node that leaves. */
  readonly share: number;
}

export interface RingBalance {
  readonly nodes: readonly NodeLoad[];
  /**
   * 1 when every node carries exactly its share; else the fraction of the cluster's capacity that is used when its relatively
   * fullest node is full (for equal weights: mean load over max load, as in Figure 8 of the paper). 1 for a ring without owners.
   */
  readonly efficiency: number;
}

export interface TransferPlan {
  /** By partition, then replica. */
  readonly transfers: readonly SlotTransfer[];
  /** Slots received, by node; nodes that receive none are absent. */
  readonly received: ReadonlyMap<string, number>;
  readonly before: RingBalance;
  readonly after: RingBalance;
}

/**
 * The slots that move until the targets of `to` own what the owners of `from` own now. A node that owned the partition before and still
 * shall takes part in no transfer, whatever its place. Each transfer that replaces an owner names the one it replaces, each leaving owner
 * at most once.
 * @throws PartitionsDifferError when both are founded with different Q
 */
export function planTransfers(from: Ring, to: Ring): TransferPlan {
  if (from.founded && to.founded && from.partitions !== to.partitions) {
    throw new PartitionsDifferError(from.partitions, to.partitions);
  }
  const transfers: SlotTransfer[] = [];
  const received = new Map<string, number>();
  for (let partition = 0; to.founded && partition < to.partitions; partition++) {
    for (const transfer of transfersOf(partition, from.owners(partition), to.targets(partition))) {
      transfers.push(transfer);
      received.set(transfer.to, (received.get(transfer.to) ?? 0) + 1);
    }
  }
  return { transfers, received, before: balanceOf(from), after: targetBalanceOf(to) };
}

function transfersOf(partition: number, before: readonly string[], after: readonly string[]): SlotTransfer[] {
  const leaving = before.filter((node) => !after.includes(node));
  const arriving = [...after.keys()].filter((replica) => !before.includes(after[replica]!));
  // Those who replace the owner of their very place first; what is left is paired in order.
  const giverOf = new Map<number, string>();
  for (const replica of arriving) {
    if (leaving.includes(before[replica] ?? '')) giverOf.set(replica, before[replica]!);
  }
  const rest = leaving.filter((node) => ![...giverOf.values()].includes(node));
  return arriving.map((replica) => {
    const giver = giverOf.get(replica) ?? rest.shift();
    return { partition, replica, ...(giver === undefined ? {} : { from: giver }), to: after[replica]! };
  });
}

/** How evenly the slots of a ring lie on its nodes now. */
export function balanceOf(ring: Ring): RingBalance {
  return balance(ring, (partition) => ring.owners(partition));
}

/** How evenly they will lie when everything is handed over. */
export function targetBalanceOf(ring: Ring): RingBalance {
  return balance(ring, (partition) => ring.targets(partition));
}

function balance(ring: Ring, rowOf: (partition: number) => readonly string[]): RingBalance {
  const stay = ring.nodes.filter((node) => node.leaving !== true);
  const { shares } = feasibleShares(stay, ring.partitions);
  const shareOf = new Map(stay.map(({ id }, index) => [id, shares[index]!]));
  const slots = new Map<string, number>(ring.nodes.map(({ id }) => [id, 0]));
  for (let partition = 0; ring.founded && partition < ring.partitions; partition++) {
    for (const node of rowOf(partition)) slots.set(node, slots.get(node)! + 1);
  }
  const nodes = ring.nodes.map(({ id }) => ({ node: id, slots: slots.get(id)!, share: shareOf.get(id) ?? 0 }));
  const fullest = Math.max(1, ...nodes.map((node) => (node.share === 0 ? 0 : node.slots / node.share)));
  return { nodes, efficiency: 1 / fullest };
}

import type { Bus } from '@ringfort/bus';
import * as contract from './contract.ts';
import type { OpenReplica } from './port.ts';

/** Of one message; each takes about 28 bytes. */
const MAX_PARTITIONS = 1024;

export interface CompareRootsOptions {
  readonly bus: Bus;
  readonly peer: string;
  readonly partitions: readonly number[];
  readonly open: OpenReplica;
  readonly timeoutMs: number;
}

/** Compares whole partitions, as many in one message as it takes: what two idle nodes say to each other is this message and its answer. */
export async function compareRoots({ bus, peer, partitions, open, timeoutMs }: CompareRootsOptions) {
  const equal: number[] = [];
  const differing: number[] = [];
  for (let first = 0; first < partitions.length; first += MAX_PARTITIONS) {
    const asked = partitions.slice(first, first + MAX_PARTITIONS).flatMap((partition) => {
      const replica = open(partition, peer);
      return replica === undefined ? [] : [{ partition, barrier: replica.barrier, root: replica.root() }];
    });
    const address = contract.antiEntropyAddress(peer);
    const reply = await bus.request(address, contract.roots, { partitions: asked }, { timeoutMs });
    const others = new Set(reply.differing);
    const refused = new Set(reply.refused.map(({ index }) => index));
    for (const [index, { partition }] of asked.entries()) {
      if (others.has(index)) differing.push(partition);
      else if (!refused.has(index)) equal.push(partition);
    }
  }
  return { equal, differing };
}

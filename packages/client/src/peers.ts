import type { Address } from '@ringfort/bus';
import { partitionOf, type Ring } from '@ringfort/ring';

/** One place that requests are sent to. */
export interface Peer {
  readonly id: string;
  readonly address: Address;
}

/** How long a suspect is left alone before it is probed: doubles from `minMs` with each failed probe, up to `maxMs`. */
export function probeDelayMs(failures: number, minMs: number, maxMs: number): number {
  return Math.min(maxMs, minMs * 2 ** Math.min(failures, 30));
}

/** The first healthy node of the list that was not tried yet; when all of those are suspect, the first untried. */
export function pickPeer(
  list: readonly Peer[],
  isSuspect: (node: string) => boolean,
  tried: readonly Peer[],
): Peer | undefined {
  let fallback: Peer | undefined;
  for (const peer of list) {
    if (tried.includes(peer)) continue;
    if (!isSuspect(peer.id)) return peer;
    fallback ??= peer;
  }
  return fallback;
}

/** The nodes of one ring as places that requests are sent to: a list per partition, made at its first use and shared from then on. */
export class RingPeers {
  readonly ring: Ring;
  readonly #peers: ReadonlyMap<string, Peer>;
  readonly #lists: (readonly Peer[] | undefined)[];

  constructor(ring: Ring) {
    this.ring = ring;
    this.#peers = new Map(ring.nodes.map(({ id }) => [id, { id, address: `node.${id}.coordinator` }]));
    this.#lists = new Array(ring.partitions).fill(undefined);
  }

  /** The nodes of the key in the order in which they are asked. */
  of(bucket: string, key: string): readonly Peer[] {
    const partition = partitionOf(bucket, key, this.ring.partitions);
    return this.#lists[partition] ?? this.#makeList(partition);
  }

  #makeList(partition: number): readonly Peer[] {
    const list = this.ring.preferenceList(partition).map((id) => this.#peers.get(id)!);
    this.#lists[partition] = list;
    return list;
  }
}

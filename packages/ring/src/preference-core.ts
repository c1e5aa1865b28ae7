import { mix, seedOf } from './hash-core.ts';
import type { Place, RingNode } from './port.ts';
import { type OwnerTable, vacant } from './slots-core.ts';

/**
 * The node indices of a partition's preference list: the owners, then every other node that stays. The fallbacks follow the ring from the
 * partition's position over distinct nodes (section 4.6 of the paper), so the stand-ins of one node's partitions are many nodes; among
 * them those go first whose zone appears least in the list so far. A leaving node stands in for nobody: it would never be without data.
 */
export function preferenceOrder(nodes: readonly RingNode[], table: OwnerTable, partition: number): number[] {
  const { replicas, owners } = table;
  const order = [...owners.subarray(partition * replicas, (partition + 1) * replicas)].filter(
    (node) => node !== vacant,
  );
  if (order.length === nodes.length) return order;
  const met = new Set(order);
  for (let step = replicas; step < owners.length && met.size < nodes.length; step++) {
    const owner = owners[(partition * replicas + step) % owners.length]!;
    if (owner !== vacant) met.add(owner);
  }
  const slotless = [...nodes.keys()].filter((index) => !met.has(index));
  slotless.sort((a, b) => mix(seedOf(nodes[a]!.id), partition) - mix(seedOf(nodes[b]!.id), partition) || a - b);
  const waiting = [...met, ...slotless].slice(order.length).filter((index) => nodes[index]!.leaving !== true);
  const inZone = new Map<string, number>();
  const count = (index: number) => inZone.get(nodes[index]!.zone) ?? 0;
  for (const index of order) inZone.set(nodes[index]!.zone, count(index) + 1);
  while (waiting.length > 0) {
    const next = waiting.reduce((best, index) => (count(index) < count(best) ? index : best));
    waiting.splice(waiting.indexOf(next), 1);
    order.push(next);
    inZone.set(nodes[next]!.zone, count(next) + 1);
  }
  return order;
}

/** The primaries of a bucket that keeps `n` replicas: the first n of the list (all of it when there are fewer nodes). */
export function primaries(list: readonly string[], n: number): readonly string[] {
  return list.length <= n ? list : list.slice(0, n);
}

/** Whether the node is among the first `n` of the list. Allocates nothing. */
export function isPrimary(list: readonly string[], n: number, node: string): boolean {
  const end = Math.min(n, list.length);
  for (let i = 0; i < end; i++) if (list[i] === node) return true;
  return false;
}

/**
 * The first `n` healthy nodes of a preference list, annotated as in riak_core_apl: the primaries that are up, in list order, then for each
 * primary that is down, in list order, the next healthy fallback, marked with the primary that it stands in for. Shorter than `n` when too
 * few are up. `isUp` is asked once per node at most. With `out` that array is overwritten and returned. `n` is at most 31.
 */
export function activePlaces(
  list: readonly string[],
  n: number,
  isUp: (node: string) => boolean,
  out: Place[] = [],
): Place[] {
  const end = Math.min(n, list.length);
  let missing = 0;
  let count = 0;
  for (let i = 0; i < end; i++) {
    const node = list[i]!;
    if (isUp(node)) out[count++] = { node };
    else missing |= 1 << i;
  }
  for (let fallback = end; missing !== 0 && fallback < list.length; fallback++) {
    const node = list[fallback]!;
    if (!isUp(node)) continue;
    out[count++] = { node, standsInFor: list[31 - Math.clz32(missing & -missing)]! };
    missing &= missing - 1;
  }
  // Cut last, and only when needed: emptying an array first would throw its storage away.
  if (out.length !== count) out.length = count;
  return out;
}

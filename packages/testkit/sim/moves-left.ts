import type { SimCluster } from './cluster.ts';

/**
 * What is still to come of changes of the members: slots that are to change hands, nodes that are to leave, records that lie where they do not
 * belong. Nothing, in a cluster that is at rest.
 */
export function movesLeft(cluster: SimCluster): string[] {
  const { ring, members } = cluster;
  if (cluster.changes > 0) return [`${cluster.changes} changes are to be committed`];
  if (ring === undefined) return ['nobody knows the ring'];
  const partitions = Array.from({ length: ring.partitions }, (_, partition) => partition);
  const moves = partitions.flatMap((partition) =>
    ring.moves(partition).map(({ replica, from, to }) => `slot ${partition}/${replica} goes from ${from} to ${to}`),
  );
  const leaving = ring.nodes.filter((node) => node.leaving === true).map(({ id }) => `${id} is leaving`);
  const apart = members.flatMap(({ id, life }) =>
    life?.membership.ring.version.digest === ring.version.digest ? [] : [`${id} knows another history`],
  );
  const strays = members.flatMap(({ id, life }) =>
    partitions
      .filter((partition) => !ring.preferenceList(partition).slice(0, 3).includes(id))
      .filter((partition) => (life?.store.fold({ partition }, { maxItems: 1, maxBytes: 1 }).items.length ?? 0) > 0)
      .map((partition) => `${id} keeps records of partition ${partition}`),
  );
  return [...moves, ...leaving, ...apart, ...strays];
}

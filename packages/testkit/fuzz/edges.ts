import { BusEdge } from './bus-edge.ts';
import { FuzzCluster } from './cluster.ts';
import { contextEdge, historyEdge, objectEdge, recordEdge } from './codec-edges.ts';
import { ConfigEdge } from './config-edge.ts';
import type { Edge } from './edge.ts';
import { bodyEdge, frameEdge, journalEdge, linesEdge } from './frame-edges.ts';
import { HttpEdge } from './http-edge.ts';

export interface Edges {
  readonly all: readonly Edge[];
  readonly bus: BusEdge;
  close(): Promise<void>;
}

/** Every edge, two of them of a cluster of whole nodes, which it starts. */
export async function openEdges(): Promise<Edges> {
  const cluster = await FuzzCluster.start();
  const bus = new BusEdge(cluster);
  const decoders = [contextEdge, objectEdge, recordEdge, historyEdge, frameEdge, bodyEdge, linesEdge, journalEdge];
  const all = [...decoders, new ConfigEdge(), bus, new HttpEdge(cluster)];
  const close = async () => {
    for (const edge of all) await edge.close?.();
    await cluster.close();
  };
  return { all, bus, close };
}

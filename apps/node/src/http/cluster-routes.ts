import type { Membership } from '@ringfort/membership';
import type { FastifyInstance } from 'fastify';
import { NotReadyError } from '../errors.ts';
import type { HttpHost } from './host.ts';
import { noQuery } from './params.ts';

/** One node of `GET /v1/cluster`, as the answering node sees it. */
export interface NodeStatus {
  readonly id: string;
  readonly status: 'up' | 'suspect' | 'down';
  readonly http?: string | undefined;
  readonly pid?: number | undefined;
  readonly version?: string | undefined;
  /** How many partitions it owns a replica of. */
  readonly partitions: number;
  readonly weight: number;
  readonly zone: string;
  readonly hintsHeld?: number | undefined;
  /** What its store does: `serving`, or `readOnly` while its disk is full or failed. */
  readonly storage?: string | undefined;
  /** Milliseconds since its last sign of life; absent for the answering node itself and where there was none. */
  readonly silentMs?: number | undefined;
}

export interface ClusterStatus {
  readonly clusterId: string;
  /** The node that answers. */
  readonly self: string;
  /** Its own membership: `joining`, `member`, `refused`, `leaving`, `left`. */
  readonly state: string;
  readonly ringVersion: { readonly digest: string; readonly size: number };
  readonly nodes: readonly NodeStatus[];
}

/** The cluster as this node sees it, whether it is alive, whether it serves, and its metrics. */
export function addClusterRoutes(app: FastifyInstance, host: HttpHost): void {
  app.get('/v1/cluster', { config: { right: 'read' } }, async (request) => {
    noQuery(request.query);
    return clusterStatus(host.cluster, host.membership());
  });

  app.get('/healthz', async () => ({ status: 'alive', node: host.nodeId }));

  app.get('/readyz', { config: { right: 'read' } }, async () => {
    const reason = host.unreadyReason();
    if (reason !== undefined) throw new NotReadyError(reason);
    return { status: 'serving', node: host.nodeId, ...host.condition() };
  });

  app.get('/metrics', { config: { right: 'read' } }, async (_request, reply) => {
    reply.header('Content-Type', host.metrics.contentType);
    return reply.send(await host.metrics.text());
  });
}

/** The members, and the peers that are known without being members (yet), by id. */
export function clusterStatus(clusterId: string, membership: Membership): ClusterStatus {
  const { ring, self, state } = membership;
  const peers = new Map(membership.peers().map((peer) => [peer.id, peer]));
  const nodes = ring.nodes.map(({ id, weight, zone }): NodeStatus => {
    const peer = peers.get(id);
    const status =
      peer === undefined ? (membership.isUp(id) ? 'up' : 'down') : peer.status === 'self' ? 'up' : peer.status;
    return {
      id,
      status,
      ...peer?.info,
      partitions: ring.partitionsOf(id).length,
      weight,
      zone,
      silentMs: peer?.silentMs,
    };
  });
  const { digest, size } = ring.version;
  return { clusterId, self, state, ringVersion: { digest, size }, nodes };
}

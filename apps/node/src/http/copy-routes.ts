import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { UnknownNodeError } from './errors.ts';
import type { HttpHost } from './host.ts';
import { noQuery } from './params.ts';

/** Copies of nodes' stores, streamed through any node: what backups are made of. */
export function addCopyRoutes(app: FastifyInstance, host: HttpHost): void {
  app.get<{ Params: { node: string } }>(
    '/v1/cluster/nodes/:node/copy',
    { config: { right: 'admin' } },
    async (request, reply) => {
      noQuery(request.query);
      const { node } = request.params;
      if (host.membership().ring.node(node) === undefined) throw new UnknownNodeError(node);
      const copy = await host.openCopy(node);
      const stream = Readable.from(copy.pieces(), { objectMode: false });
      // The reader sees that the copy is cut short; why, only this node knows.
      stream.on('error', (err) => host.log.warn({ err, node }, 'a copy of a store was broken off'));
      reply.header('Content-Type', 'application/octet-stream').header('Cache-Control', 'no-store');
      return reply.send(stream);
    },
  );
}

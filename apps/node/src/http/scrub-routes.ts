import type { FastifyInstance } from 'fastify';
import type { HttpHost } from './host.ts';
import { scrubQuery } from './params.ts';

/** Begins a look at all that a node's store holds, and tells how far it has come. */
export function addScrubRoutes(app: FastifyInstance, host: HttpHost): void {
  app.post('/v1/scrub', { config: { right: 'admin' } }, async ({ query }) => {
    const { node = host.nodeId } = scrubQuery(query);
    return host.scrub('start', node);
  });

  app.get('/v1/scrub', { config: { right: 'read' } }, async ({ query }) => {
    const { node = host.nodeId } = scrubQuery(query);
    return host.scrub('status', node);
  });
}

import type { ClusterChange } from '@ringfort/membership';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { MissingValueError } from './errors.ts';
import type { HttpHost } from './host.ts';
import { noQuery } from './params.ts';

const maxChangesBytes = 65_536;
const bodySchema = z.strictObject({ changes: z.array(z.unknown()) });

/** What changes of the cluster would do. */
export function addChangeRoutes(app: FastifyInstance, host: HttpHost): void {
  app.post('/v1/cluster/plan', { config: { right: 'read' }, bodyLimit: maxChangesBytes }, async (request) => {
    noQuery(request.query);
    return host.membership().plan(changesOf(request.body as Buffer | undefined));
  });
}

/** The list as it was sent: whether these are changes is the membership's to judge. */
function changesOf(body: Buffer | undefined): ClusterChange[] {
  const parsed = bodySchema.safeParse(json(body));
  if (parsed.success) return parsed.data.changes as ClusterChange[];
  throw new MissingValueError('send {"changes": [{"type": "add", "node": "n6", "weight": 2, "zone": "b"}, ...]}');
}

function json(body: Buffer | undefined): unknown {
  try {
    return JSON.parse((body ?? Buffer.alloc(0)).toString('utf8'));
  } catch {
    // Told like any other body that is not the object above.
    return undefined;
  }
}

import type { ClusterChange } from '@ringfort/membership';
import { type RingVersion, ringVersionSchema } from '@ringfort/ring/contract';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { MissingValueError } from './errors.ts';
import type { HttpHost } from './host.ts';
import { movesStatus } from './moves-status.ts';
import { noQuery } from './params.ts';

const maxChangesBytes = 65_536;
const changesSchema = z.array(z.unknown());
const planSchema = z.strictObject({ changes: changesSchema });
/** Of a plan as it was answered only this much is looked at: what it would do is reckoned anew. */
const commitSchema = z.object({ basedOn: ringVersionSchema, changes: changesSchema });

/** What `POST /v1/cluster/commit` answers. */
export interface Committed {
  /** The history with the changes. */
  readonly ringVersion: RingVersion;
}

/** What changes of the cluster would do, their commit, and how far they are. */
export function addChangeRoutes(app: FastifyInstance, host: HttpHost): void {
  const change = { config: { right: 'admin' }, bodyLimit: maxChangesBytes } as const;

  app.post('/v1/cluster/plan', { config: { right: 'read' }, bodyLimit: maxChangesBytes }, async (request) => {
    noQuery(request.query);
    return host.membership().plan(planOf(request.body as Buffer | undefined));
  });

  app.post('/v1/cluster/commit', change, async (request): Promise<Committed> => {
    noQuery(request.query);
    return { ringVersion: await host.membership().commit(commitOf(request.body as Buffer | undefined)) };
  });

  app.post('/v1/cluster/abort', change, async (request) => {
    noQuery(request.query);
    return host.membership().abort();
  });

  app.get('/v1/cluster/moves', { config: { right: 'read' } }, async (request) => {
    noQuery(request.query);
    const { self, ring, history } = snapshotOf(host);
    return movesStatus(self, ring, history);
  });
}

function snapshotOf(host: HttpHost) {
  const membership = host.membership();
  return { self: membership.self, ring: membership.ring, history: membership.history() };
}

/** The list as it was sent: whether these are changes is the membership's to judge. */
function planOf(body: Buffer | undefined): ClusterChange[] {
  const parsed = planSchema.safeParse(json(body));
  if (parsed.success) return parsed.data.changes as ClusterChange[];
  throw new MissingValueError('send {"changes": [{"type": "add", "node": "n6", "weight": 2, "zone": "b"}, ...]}');
}

function commitOf(body: Buffer | undefined): { basedOn: RingVersion; changes: ClusterChange[] } {
  const parsed = commitSchema.safeParse(json(body));
  if (parsed.success) return { basedOn: parsed.data.basedOn, changes: parsed.data.changes as ClusterChange[] };
  throw new MissingValueError('send the plan that POST /v1/cluster/plan answered: {"basedOn": ..., "changes": [...]}');
}

function json(body: Buffer | undefined): unknown {
  try {
    return JSON.parse((body ?? Buffer.alloc(0)).toString('utf8'));
  } catch {
    // Told like any other body that is not the object above.
    return undefined;
  }
}

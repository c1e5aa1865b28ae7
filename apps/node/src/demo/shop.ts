import { z } from 'zod';
import { ask, keyPath } from '../cli/api.ts';
import type { ClusterStatus } from '../http/cluster-routes.ts';
import { type Cart, cartSchema } from './cart-core.ts';

const bucket = 'carts';

/** A cart as a device holds it after a read: all versions, and the context that covers exactly them. */
export interface CartRead {
  readonly carts: readonly Cart[];
  readonly context: string;
}

const siblingsSchema = z.object({ context: z.string(), siblings: z.array(z.object({ value: z.string() })) });
const replicasSchema = z.object({
  replicas: z.array(
    z.object({
      node: z.string(),
      digest: z.string().optional(),
      siblings: z.number().optional(),
      error: z.string().optional(),
    }),
  ),
});
export type Replicas = z.infer<typeof replicasSchema>;

/** Writes a cart through the node at `url`; resolves with the context of what was written. */
export async function writeCart(url: string, shopper: string, cart: Cart, context?: string): Promise<string> {
  const written = await ask(
    { url },
    {
      method: 'PUT',
      path: keyPath(bucket, shopper),
      headers: { 'content-type': 'application/json', 'ringfort-context': context },
      body: Buffer.from(JSON.stringify(cart)),
    },
  );
  return contextOf(written);
}

/** Reads a cart through the node at `url`, with all its siblings. */
export async function readCart(url: string, shopper: string): Promise<CartRead> {
  const read = await ask(
    { url },
    { path: keyPath(bucket, shopper), headers: { accept: 'application/json' }, expect: [300] },
  );
  if (read.status !== 300) return { carts: [cartSchema.parse(await read.json())], context: contextOf(read) };
  const { context, siblings } = siblingsSchema.parse(await read.json());
  const carts = siblings.map(({ value }) =>
    cartSchema.parse(JSON.parse(Buffer.from(value, 'base64').toString('utf8'))),
  );
  return { carts, context };
}

/** What each primary of a cart holds; nothing is repaired by looking. */
export async function lookAtReplicas(url: string, shopper: string): Promise<Replicas> {
  const answer = await ask({ url }, { path: `${keyPath(bucket, shopper)}/replicas` });
  return replicasSchema.parse(await answer.json());
}

/** What the node at `url` thinks of another one. */
export async function statusOf(url: string, id: string): Promise<string> {
  const { nodes } = (await (await ask({ url }, { path: '/v1/cluster' })).json()) as ClusterStatus;
  return nodes.find((node) => node.id === id)?.status ?? 'unknown';
}

/** How many hints the node at `url` holds for another one: what it promised to hand over. */
export async function hintsOwedTo(url: string, target: string): Promise<number> {
  const text = await (await ask({ url }, { path: '/metrics' })).text();
  const lines = text.split('\n').filter((line) => line.startsWith('ringfort_hints_held{'));
  const line = lines.find((candidate) => candidate.includes(`target="${target}"`));
  return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(' ')));
}

/** Whether the node at `url` serves. */
export async function isServing(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1000) })).ok;
  } catch {
    return false; // nobody listens there, or not in time
  }
}

function contextOf(response: Response): string {
  return z.string('the answer has no Ringfort-Context').parse(response.headers.get('ringfort-context'));
}

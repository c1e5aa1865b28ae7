import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { MissingValueError } from './errors.ts';
import type { HttpHost } from './host.ts';
import { bucketName, objectsQuery, operatorQuery } from './params.ts';
import { codeOf } from './problems.ts';

/** One object of 8 MiB, the most that a coordinator takes, as base64 in a line. */
const maxBodyBytes = 12 * 1024 * 1024;
/** Objects of one request that are merged at the same time. */
const mergedAtOnce = 16;

/** One object of `POST /v1/objects`; `object` is base64. */
const mergeLineSchema = z.strictObject({
  bucket: z.string().min(1).max(128),
  key: z.string().min(1).max(1024),
  object: z.base64().min(1),
});
export type MergeLine = z.infer<typeof mergeLineSchema>;

/** What became of the objects of a request: those that are not named are on the disks of W owners. */
export interface Merged {
  readonly merged: number;
  /** By the index of their lines, from 0. */
  readonly failed: readonly { readonly index: number; readonly code: string; readonly detail: string }[];
}

export interface ObjectsPage {
  /** `object` is base64; absent: fewer than R owners can read what they hold. */
  readonly objects: readonly { readonly key: string; readonly object?: string }[];
  readonly cursor?: string | undefined;
}

/** Objects with their clocks, out of a cluster and into one: what exports, imports and restores are made of. */
export function addObjectRoutes(app: FastifyInstance, host: HttpHost): void {
  app.get<{ Params: { bucket: string } }>(
    '/v1/buckets/:bucket/objects',
    { config: { right: 'read', admitted: true } },
    async (request): Promise<ObjectsPage> => {
      const bucket = bucketName(request.params.bucket);
      const { cursor, timeoutMs = host.timeoutMs } = objectsQuery(request.query);
      const page = await host.coordinator().operator.objects({ bucket, cursor }, { timeoutMs });
      const objects = page.items.map(({ key, object }) => ({
        key,
        ...(object === undefined ? undefined : { object: base64(object) }),
      }));
      return { objects, cursor: page.cursor };
    },
  );

  app.post(
    '/v1/objects',
    { config: { right: 'admin', admitted: true }, bodyLimit: maxBodyBytes },
    async (request): Promise<Merged> => {
      const { timeoutMs = host.timeoutMs } = operatorQuery(request.query);
      return mergeAll(host, linesOf(request.body as Buffer | undefined), timeoutMs);
    },
  );
}

async function mergeAll(host: HttpHost, lines: readonly MergeLine[], timeoutMs: number): Promise<Merged> {
  const { operator } = host.coordinator();
  const failed: Merged['failed'][number][] = [];
  let next = 0;
  const worker = async () => {
    while (next < lines.length) {
      const index = next++;
      const { bucket, key, object } = lines[index]!;
      try {
        await operator.merge({ bucket, key, object: Buffer.from(object, 'base64') }, { timeoutMs });
      } catch (error) {
        const code = codeOf(error);
        if (code === 'INTERNAL') host.log.error({ err: error, bucket, key }, 'an object could not be merged');
        failed.push({
          index,
          code,
          detail: code === 'INTERNAL' ? 'see the log of the node' : (error as Error).message,
        });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(mergedAtOnce, lines.length) }, worker));
  return { merged: lines.length - failed.length, failed };
}

/** One JSON object a line. */
function linesOf(body: Buffer | undefined): MergeLine[] {
  const lines = (body ?? Buffer.alloc(0)).toString('utf8').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line, index) => {
    const parsed = mergeLineSchema.safeParse(json(line));
    if (parsed.success) return parsed.data;
    throw new MissingValueError(`line ${index + 1}: send {"bucket": ..., "key": ..., "object": <base64>}, one a line`);
  });
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // told like any other line that is no such object
  }
}

function base64({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}

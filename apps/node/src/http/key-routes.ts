import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { KeyNotFoundError } from './errors.ts';
import type { HttpHost } from './host.ts';
import {
  bucketName,
  contentType,
  contextHeader,
  keyName,
  keysQuery,
  noQuery,
  type RequestQuery,
  requestQuery,
} from './params.ts';
import { contextText, headerSafeType, prefersMultipart, siblingsJson, siblingsMultipart } from './siblings.ts';

interface KeyParams {
  readonly Params: { readonly bucket: string; readonly key: string };
}
interface BucketParams {
  readonly Params: { readonly bucket: string };
}

const contextName = 'Ringfort-Context';
const boundaryBytes = 18;
/** One for all: an everyday answer is not worth a stack trace each time. */
const keyNotFound = new KeyNotFoundError();

/** Get, put, delete, the listing of keys, and what each replica holds. */
export function addKeyRoutes(app: FastifyInstance, host: HttpHost): void {
  const place = '/v1/buckets/:bucket/keys/:key';
  const read = { config: { right: 'read', admitted: true } } as const;
  const write = { config: { right: 'write', admitted: true } } as const;

  app.get<KeyParams>(place, read, async (request, reply) => {
    const { bucket, key, query } = target(request, host);
    const { r, sloppy } = query;
    const found = await host.coordinator().get({ bucket, key, r, sloppy }, deadline(query, host));
    reply.header('Cache-Control', 'no-store').header('X-Content-Type-Options', 'nosniff');
    if (found.context !== undefined) reply.header(contextName, contextText(found.context));
    const [only] = found.siblings;
    if (only === undefined) throw keyNotFound;
    if (found.siblings.length > 1) return sendSiblings(request, reply, found, host);
    reply.header('Content-Type', headerSafeType(only.contentType));
    return reply.send(Buffer.from(only.value.buffer, only.value.byteOffset, only.value.byteLength));
  });

  app.put<KeyParams>(place, write, async (request, reply) => {
    const { bucket, key, query } = target(request, host);
    const { w, dw, sloppy } = query;
    const written = await host.coordinator().put(
      {
        bucket,
        key,
        value: (request.body as Buffer | undefined) ?? Buffer.alloc(0),
        contentType: contentType(request.headers['content-type']),
        context: contextHeader(request.headers['ringfort-context']),
        w,
        dw,
        sloppy,
      },
      deadline(query, host),
    );
    return reply.code(204).header(contextName, contextText(written.context)).send();
  });

  app.delete<KeyParams>(place, write, async (request, reply) => {
    const { bucket, key, query } = target(request, host);
    const { r, w, dw, sloppy } = query;
    const context = contextHeader(request.headers['ringfort-context']);
    const written = await host.coordinator().delete({ bucket, key, context, r, w, dw, sloppy }, deadline(query, host));
    return reply.code(204).header(contextName, contextText(written.context)).send();
  });

  app.get<BucketParams>('/v1/buckets/:bucket/keys', read, async (request) => {
    const bucket = bucketName(request.params.bucket);
    const { limit, cursor } = keysQuery(request.query);
    return host.coordinator().keys({ bucket, limit, cursor }, { timeoutMs: host.timeoutMs });
  });

  app.get<KeyParams>(`${place}/replicas`, read, async (request) => {
    const bucket = bucketName(request.params.bucket);
    const key = keyName(request.params.key, host.limits.keyBytes);
    noQuery(request.query);
    return host.coordinator().replicas({ bucket, key }, { timeoutMs: host.timeoutMs });
  });
}

function target(
  request: FastifyRequest<KeyParams>,
  host: HttpHost,
): { bucket: string; key: string; query: RequestQuery } {
  const bucket = bucketName(request.params.bucket);
  const key = keyName(request.params.key, host.limits.keyBytes);
  return { bucket, key, query: requestQuery(request.query, host.membership().ring.bucket(bucket).n) };
}

function deadline(query: RequestQuery, host: HttpHost): { timeoutMs: number } {
  return { timeoutMs: query.timeoutMs ?? host.timeoutMs };
}

function sendSiblings(
  request: FastifyRequest,
  reply: FastifyReply,
  found: Awaited<ReturnType<ReturnType<HttpHost['coordinator']>['get']>>,
  host: HttpHost,
): FastifyReply {
  reply.code(300).header('Vary', 'Accept');
  if (!prefersMultipart(request.headers.accept)) return reply.send(siblingsJson(found.siblings, found.context));
  const boundary = `ringfort-${Buffer.from(host.random.bytes(boundaryBytes)).toString('hex')}`;
  reply.header('Content-Type', `multipart/mixed; boundary=${boundary}`);
  return reply.send(siblingsMultipart(found.siblings, boundary));
}

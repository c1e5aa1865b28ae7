import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { HttpHost } from './host.ts';
import { bucketName, keyName, operatorQuery } from './params.ts';

interface KeyParams {
  readonly Params: { readonly bucket: string; readonly key: string };
}

/** What every node holds of a key, and making its owners equal. */
export function addOperatorRoutes(app: FastifyInstance, host: HttpHost): void {
  const place = '/v1/buckets/:bucket/keys/:key';

  app.get<KeyParams>(`${place}/inspect`, { config: { right: 'read', admitted: true } }, async (request) =>
    host.coordinator().operator.inspect(target(request, host), timeout(request, host)),
  );

  app.post<KeyParams>(`${place}/repair`, { config: { right: 'write', admitted: true } }, async (request) =>
    host.coordinator().operator.repair(target(request, host), timeout(request, host)),
  );
}

function target({ params }: FastifyRequest<KeyParams>, host: HttpHost): { bucket: string; key: string } {
  return { bucket: bucketName(params.bucket), key: keyName(params.key, host.limits.keyBytes) };
}

function timeout({ query }: FastifyRequest, host: HttpHost): { timeoutMs: number } {
  return { timeoutMs: operatorQuery(query).timeoutMs ?? host.timeoutMs };
}

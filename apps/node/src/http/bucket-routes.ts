import type { FastifyInstance } from 'fastify';
import type { HttpHost } from './host.ts';
import { bucketName, bucketSettings, noQuery } from './params.ts';

const maxSettingsBytes = 16_384;

interface BucketParams {
  readonly Params: { readonly bucket: string };
}

/** Buckets that were made, and the settings of one. */
export function addBucketRoutes(app: FastifyInstance, host: HttpHost): void {
  app.get('/v1/buckets', { config: { right: 'read' } }, async (request) => {
    noQuery(request.query);
    return { buckets: host.membership().ring.buckets.map(({ name, settings }) => ({ name, ...settings })) };
  });

  app.get<BucketParams>('/v1/buckets/:bucket', { config: { right: 'read' } }, async (request) => {
    const bucket = bucketName(request.params.bucket);
    noQuery(request.query);
    return host.membership().ring.bucket(bucket);
  });

  app.put<BucketParams>(
    '/v1/buckets/:bucket',
    { config: { right: 'admin' }, bodyLimit: maxSettingsBytes },
    async (request) => {
      const bucket = bucketName(request.params.bucket);
      noQuery(request.query);
      return host.membership().configureBucket(bucket, bucketSettings(request.body as Buffer | undefined));
    },
  );
}

import type { Ring } from '@ringfort/ring';
import { type BucketSettings, bucketNameSchema, bucketSettingsSchema } from '@ringfort/ring/contract';
import { BucketConflictFixedError, InvalidSettingsError } from './errors.ts';

/**
 * Checks a bucket's name and settings by themselves.
 * @throws InvalidSettingsError
 */
export function checkSettings(bucket: string, settings: BucketSettings): BucketSettings {
  const name = bucketNameSchema.safeParse(bucket);
  if (!name.success) throw new InvalidSettingsError({ bucket, problem: name.error.issues[0]?.message ?? 'bad name' });
  const parsed = bucketSettingsSchema.safeParse(settings);
  if (!parsed.success) throw new InvalidSettingsError({ bucket, problem: issueText(parsed.error.issues[0]) });
  const { n, r, w, dw } = parsed.data;
  if (r > n) throw new InvalidSettingsError({ bucket, problem: `r is ${r}, but only n = ${n} replicas can answer` });
  if (w > n) throw new InvalidSettingsError({ bucket, problem: `w is ${w}, but only n = ${n} replicas can answer` });
  if (dw !== undefined && dw > w)
    throw new InvalidSettingsError({ bucket, problem: `dw is ${dw}, but only w = ${w} answers are awaited` });
  return parsed.data;
}

/** Whether the ring already has the bucket with just these settings. @throws BucketConflictFixedError */
export function isConfigured(ring: Ring, bucket: string, asked: BucketSettings): boolean {
  const known = ring.buckets.find(({ name }) => name === bucket)?.settings;
  if (known === undefined) return false;
  if (known.conflict !== asked.conflict) {
    throw new BucketConflictFixedError({ bucket, conflict: known.conflict, asked: asked.conflict });
  }
  const { n, r, w, dw, ttlSeconds } = known;
  return n === asked.n && r === asked.r && w === asked.w && dw === asked.dw && ttlSeconds === asked.ttlSeconds;
}

function issueText(issue: { path: PropertyKey[]; message: string } | undefined): string {
  return issue === undefined
    ? 'not an object of settings'
    : `${issue.path.map(String).join('.') || 'settings'}: ${issue.message}`;
}

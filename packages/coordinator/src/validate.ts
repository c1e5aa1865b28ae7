import { type BucketSettings, partitionOf, type Ring } from '@ringfort/ring';
import type { RecordId } from '@ringfort/storage';
import { KeyTooLongError, ValueTooLargeError } from './errors.ts';
import type { CoordinatorLimits } from './limits.ts';

/** Checks bucket and key against the limits and places the key on the ring. */
export function locate(ring: Ring, limits: CoordinatorLimits, bucket: string, key: string): RecordId {
  checkLength('bucket', bucket, limits.maxBucketBytes);
  checkLength('key', key, limits.maxKeyBytes);
  return { partition: partitionOf(bucket, key, ring.partitions), bucket, key };
}

export function checkValue(value: Uint8Array, limits: CoordinatorLimits): void {
  if (value.byteLength > limits.maxValueBytes) throw new ValueTooLargeError(value.byteLength, limits.maxValueBytes);
}

/** The N of a bucket, as far as there are nodes for it. */
export function replicasOf(ring: Ring, settings: BucketSettings): number {
  return Math.max(1, Math.min(settings.n, ring.nodes.length));
}

export function checkLength(what: 'key' | 'bucket', text: string, maxBytes: number): void {
  // Three bytes of UTF-8 at most for one UTF-16 unit: only long texts need to be counted.
  if (text.length > 0 && text.length * 3 <= maxBytes) return;
  const bytes = Buffer.byteLength(text);
  if (bytes === 0 || bytes > maxBytes) throw new KeyTooLongError(what, bytes, maxBytes);
}

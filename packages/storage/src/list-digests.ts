import { CorruptRecordError } from './errors.ts';
import { afterPrefix, type ByteKey, decodeId, nextKey, partitionPrefix, primaryKey } from './keys-core.ts';
import type { LayeredTable } from './layered-table.ts';
import { leafPlace } from './leaves.ts';
import type { DigestPage, DigestQuery, ListedRecord, RecordId } from './port.ts';
import { readable } from './record-codec.ts';

/**
 * The records that lie on some leaves of a partition. There is no index of leaves, whose upkeep every write would pay: the partition is
 * walked, and of the records elsewhere only the keys are looked at.
 */
export function listDigests(
  table: LayeredTable,
  { partition, leaves, scope, after, until }: DigestQuery,
  { maxItems, maxLookedAt }: { maxItems: number; maxLookedAt: number },
  onCorrupt: (key: ByteKey, fault: CorruptRecordError) => void,
): DigestPage {
  const prefix = partitionPrefix(partition);
  const start = after === undefined ? prefix : nextKey(primaryKey({ partition, ...nameOf(after) }));
  const end = until === undefined ? afterPrefix(prefix) : nextKey(primaryKey({ partition, ...nameOf(until) }));
  const items: ListedRecord[] = [];
  let lookedAt = 0;
  let last: ByteKey | undefined;
  if (start >= end) return { items, through: undefined };
  for (const [key, stored] of table.range(start, end)) {
    if (last !== undefined && (items.length >= maxItems || lookedAt >= maxLookedAt))
      return { items, through: nameOf(decodeId(last, 1)) };
    lookedAt++;
    last = key;
    if (!leaves.has(leafPlace(key).leaf)) continue;
    const id = decodeId(key, 1);
    if (scope !== undefined && scope.buckets.includes(id.bucket) === scope.except) continue;
    const record = readable(stored, id);
    if (record instanceof CorruptRecordError) onCorrupt(key, record);
    items.push({ ...nameOf(id), digest: record instanceof CorruptRecordError ? undefined : record.digest });
  }
  return { items, through: undefined };
}

const nameOf = ({ bucket, key }: Pick<RecordId, 'bucket' | 'key'>) => ({ bucket, key });

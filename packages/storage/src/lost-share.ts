import { CorruptRecordError } from './errors.ts';
import type { Hash64 } from './hash.ts';
import { afterPrefix, decodeId, partitionPrefix } from './keys-core.ts';
import type { LayeredTable } from './layered-table.ts';
import { leafPlace, leafShare } from './leaves.ts';
import type { Entry } from './record-cache.ts';
import { readable } from './record-codec.ts';

/**
 * What the leaf of a corrupt record still counts of it, and of others on that leaf that cannot be read: all that the readable ones do not. It
 * walks the partition, since nothing else knows what a damaged record once was: the price of a fault of the disk, paid when it is mended.
 *
 * @param staged entries whose staged record (or that there is none) the leaf counts already
 */
export function lostShare(table: LayeredTable, { id, place }: Entry, staged: readonly Entry[]): Hash64 {
  const left = { ...table.leaves.of(id.partition).at(place.leaf) };
  const take = ({ high, low }: Hash64) => {
    left.high ^= high;
    left.low ^= low;
  };
  const inBatch = new Set<string>();
  for (const one of staged) {
    if (one.id.partition !== id.partition || one.place.leaf !== place.leaf) continue;
    inBatch.add(one.key);
    if (one.staged !== undefined) take(leafShare(one.place.keyHash, one.staged));
  }
  const prefix = partitionPrefix(id.partition);
  for (const [key, stored] of table.range(prefix, afterPrefix(prefix))) {
    const { leaf, keyHash } = leafPlace(key);
    if (leaf !== place.leaf || inBatch.has(key)) continue;
    const record = readable(stored, decodeId(key, 1));
    if (!(record instanceof CorruptRecordError)) take(leafShare(keyHash, record));
  }
  return left;
}

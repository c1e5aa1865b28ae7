import { CorruptRecordError } from './errors.ts';
import { decodeHint, encodeOwedRow } from './hint-codec.ts';
import { type ByteKey, decodeId, owedKey, partitionKey } from './keys-core.ts';
import type { LayeredTable } from './layered-table.ts';
import { leafPlace, leafShare } from './leaves.ts';
import { readable } from './record-codec.ts';
import { countsKey, encodeCounts } from './stage.ts';

/**
 * Makes anew what follows from the records: leaves, counts, and the index of stand-in records. Needed when frames of the journal are missing,
 * since each row of the index is written when it changes, and leaves are journaled as changes; all the more when a checkpoint that was cut short
 * had taken a part of them over. It walks the whole store.
 */
export function rebuildDerived(table: LayeredTable): void {
  const owed = new Map<ByteKey, Uint8Array>();
  let [records, hintRecords] = [0, 0];
  for (const partition of table.partitions('L')) table.leaves.of(partition).clear();
  for (const partition of table.partitions('P')) records += sumLeaves(table, partition);
  for (const partition of table.partitions('H'))
    for (const [key, stored] of table.range(partitionKey('H', partition), partitionKey('H', partition + 1))) {
      hintRecords++;
      const hint = decodeHint(stored);
      for (const [target, { takenMs }] of hint?.owed ?? [])
        owed.set(owedKey(target, key.slice(1)), encodeOwedRow({ bytes: hint!.record.length, takenMs }));
    }
  for (const [key] of table.range('O', 'P')) if (!owed.has(key)) table.show(key, null);
  for (const [key, row] of owed) table.show(key, row);
  table.show(countsKey, encodeCounts({ records, hintRecords }));
}

/** Answers how many records the partition has. */
function sumLeaves(table: LayeredTable, partition: number): number {
  let records = 0;
  const leaves = table.leaves.of(partition);
  leaves.clear();
  for (const [key, stored] of table.range(partitionKey('P', partition), partitionKey('P', partition + 1))) {
    records++;
    const record = readable(stored, decodeId(key, 1));
    const { leaf, keyHash } = leafPlace(key);
    if (!(record instanceof CorruptRecordError)) leaves.xor(leaf, leafShare(keyHash, record));
  }
  return records;
}

import { digestOf } from '@ringfort/storage';
import type { TransferFrame } from './transfer-contract.ts';

/** What a name and the framing of a record take beside its bytes, about. */
const recordOverheadBytes = 16;

/** What a frame takes on the wire, about; what the rate counts. */
export function frameBytes({ records }: Pick<TransferFrame, 'records'>): number {
  return records.reduce((sum, { bucket, key, object }) => sum + recordBytes(bucket, key, object), 0);
}

const recordBytes = (bucket: string, key: string, object: Uint8Array): number =>
  bucket.length + key.length + object.length + recordOverheadBytes;

/** The checksum of a frame, given the digests of its objects: the sender has those from its store, so that they cover the whole way. */
export function frameChecksum(
  partition: number,
  frame: Omit<TransferFrame, 'checksum'>,
  digests: readonly string[],
): string {
  const { seq, barrier, records, corrupt, next } = frame;
  const names = records.map(({ bucket, key }, index) => [bucket, key, digests[index]]);
  const lost = corrupt.map(({ bucket, key }) => [bucket, key]);
  const cursor = next === undefined ? null : Buffer.from(next).toString('base64');
  return digestOf(Buffer.from(JSON.stringify([partition, seq, barrier, names, lost, cursor])));
}

/** Whether a frame is what its sender made it. */
export function isWhole(partition: number, frame: TransferFrame): boolean {
  const digests = frame.records.map(({ object }) => digestOf(object));
  return frameChecksum(partition, frame, digests) === frame.checksum;
}

import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { StoreUnwritableError } from './errors.ts';

/** LMDB's magic number and data version 2, as they stand behind the first page's header. */
const signature = Buffer.from('dec0efbe02000000', 'hex');
const signatureAt = 24;
const leastBytes = 8192;

/**
 * Refuses a file that LMDB would not open. lmdb-js 3.5 does not report that: its clean-up after a failed open ends the process.
 * @throws STORE_UNWRITABLE
 */
export function checkDataFile(directory: string, path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) return;
  const head = Buffer.alloc(signature.length);
  const fd = openSync(path, 'r');
  readSync(fd, head, 0, head.length, signatureAt);
  closeSync(fd);
  if (size < leastBytes || !head.equals(signature))
    throw new StoreUnwritableError(directory, `${path} is not a whole LMDB data file of version 2`);
}

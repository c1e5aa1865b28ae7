import type { ByteKey } from './keys-core.ts';
import type { Row } from './memtable.ts';
import type { TableSnapshot } from './store-copy.ts';

/** The ordered table that lies below the newest rows. */
export interface Base {
  get(key: ByteKey): Uint8Array | undefined;
  /** Rows with `start <= key < end`, in order. */
  range(start: ByteKey, end: ByteKey): Iterable<readonly [ByteKey, Uint8Array]>;
  /**
   * Takes rows over, the first ones first, then the last ones in one transaction; durable when resolved. Repeating it changes nothing.
   * @param bytes about what the rows weigh
   * @throws STORE_FULL
   */
  apply(rows: Iterable<Row>, bytes: number, last: readonly Row[]): Promise<void>;
  /** What it holds now, as it stays. */
  snapshot(): TableSnapshot;
  bytesOnDisk(): number;
  close(): Promise<void>;
}

/** Nothing lies below: all rows are in memory. */
export const noBase: Base = {
  get: () => undefined,
  range: () => [],
  apply: () => Promise.resolve(),
  snapshot: () => ({ rows: () => [], close: () => {} }),
  bytesOnDisk: () => 0,
  close: () => Promise.resolve(),
};

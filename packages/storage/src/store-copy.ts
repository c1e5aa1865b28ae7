import { copyEnd, copyStart, encodeCopyRow } from './copy-format.ts';
import type { ByteKey } from './keys-core.ts';
import type { StoreCopy } from './port.ts';

/** Rows as they were at one moment, whatever is written meanwhile. */
export interface TableSnapshot {
  rows(): Iterable<readonly [ByteKey, Uint8Array]>;
  /** Lets go of them. Idempotent. */
  close(): void;
}

/** Writes down a snapshot, piece by piece. */
export function copyOf(snapshot: TableSnapshot, closed: () => void): StoreCopy {
  const rows = snapshot.rows()[Symbol.iterator]();
  let count = 0;
  let begun = false;
  let ended = false;
  return {
    next(aboutBytes) {
      if (ended) return undefined;
      const parts: Uint8Array[] = begun ? [] : [copyStart()];
      begun = true;
      for (let bytes = 0; bytes < aboutBytes; ) {
        const { done, value } = rows.next();
        if (done === true) {
          ended = true;
          parts.push(copyEnd(count));
          break;
        }
        count += 1;
        const row = encodeCopyRow({ key: value[0], value: value[1] });
        parts.push(row);
        bytes += row.length;
      }
      return Buffer.concat(parts);
    },
    close() {
      ended = true;
      snapshot.close();
      closed();
    },
  };
}

import { type ByteKey, bytesOfKey } from './keys-core.ts';
import type { Page } from './port.ts';

/** Reads at most so much, but at least one item; the cursor is the last key read. */
export function page<T>(
  rows: Iterable<readonly [ByteKey, Uint8Array]>,
  limits: { maxItems: number; maxBytes: number },
  read: (key: ByteKey, value: Uint8Array) => readonly [T, number],
): Page<T> {
  const items: T[] = [];
  let bytes = 0;
  let last: ByteKey | undefined;
  for (const [key, value] of rows) {
    if (items.length >= limits.maxItems || (items.length > 0 && bytes >= limits.maxBytes))
      return { items, next: last === undefined ? undefined : bytesOfKey(last) };
    const [item, size] = read(key, value);
    if (items.length > 0 && bytes + size > limits.maxBytes) return { items, next: bytesOfKey(last!) };
    items.push(item);
    bytes += size;
    last = key;
  }
  return { items, next: undefined };
}

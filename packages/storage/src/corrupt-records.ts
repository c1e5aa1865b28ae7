import type { CorruptRecordError } from './errors.ts';
import type { ByteKey } from './keys-core.ts';

/** Past it the one found first is forgotten, and told of again when it is found again. */
const maxRemembered = 4096;

/** Records that were found corrupt: each is told of once, until something else is stored in its place. */
export class CorruptRecords {
  readonly #known = new Set<ByteKey>();
  /** Told of each. */
  listener: ((fault: CorruptRecordError) => void) | undefined;
  /** How many were found. */
  found = 0;

  note(key: ByteKey, fault: CorruptRecordError): void {
    if (this.#known.has(key)) return;
    for (const first of this.#known) {
      if (this.#known.size < maxRemembered) break;
      this.#known.delete(first);
    }
    this.#known.add(key);
    this.found++;
    this.listener?.(fault);
  }

  replaced(key: ByteKey): void {
    this.#known.delete(key);
  }
}

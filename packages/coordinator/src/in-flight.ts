import { type Dot, mergeObjects, type VersionedObject } from '@ringfort/versioning';

interface Entry {
  object: VersionedObject;
  dot: Dot;
  writes: number;
}

/**
 * Objects on their way into the local store, per record: a second put of a key starts from what the first one makes, so that neither their
 * dots collide nor one forgets the other. Bounded by the requests under way.
 */
export class InFlightWrites {
  readonly #entries = new Map<string, Entry>();

  /** The newest object under way, and the highest dot given for it. */
  get(recordKey: string): { readonly object: VersionedObject; readonly dot: Dot } | undefined {
    return this.#entries.get(recordKey);
  }

  begin(recordKey: string, object: VersionedObject, dot: Dot): void {
    const entry = this.#entries.get(recordKey);
    if (entry === undefined) {
      this.#entries.set(recordKey, { object, dot, writes: 1 });
      return;
    }
    entry.object = mergeObjects(entry.object, object);
    entry.dot = dot;
    entry.writes += 1;
  }

  /** The local write has ended, either way. */
  end(recordKey: string): void {
    const entry = this.#entries.get(recordKey)!;
    entry.writes -= 1;
    if (entry.writes === 0) this.#entries.delete(recordKey);
  }
}

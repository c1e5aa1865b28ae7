const FIRST_SLOTS = 256;

/**
 * What is under way, by ids that it hands out in rising order from 1 to `maxId` and then again from 1. An array rather than a Map: a Map
 * under such churn makes its table anew all the time, and each dead one keeps alive what it held until the next major collection.
 */
export class IdTable<T extends { readonly id: number }> {
  #slots: (T | undefined)[] = new Array(FIRST_SLOTS).fill(undefined);
  #mask = FIRST_SLOTS - 1;
  #lastId: number;
  readonly #maxId: number;
  size = 0;

  /** `maxId` is a power of two less one, and far beyond what is ever under way. */
  constructor(lastId: number, maxId: number) {
    this.#lastId = lastId & maxId;
    this.#maxId = maxId;
  }

  /** An id whose slot is free, until the next call. */
  nextId(): number {
    if (this.size * 2 >= this.#slots.length) this.#grow();
    let id = this.#lastId;
    do id = id >= this.#maxId ? 1 : id + 1;
    while (this.#slots[id & this.#mask] !== undefined);
    this.#lastId = id;
    return id;
  }

  /** Adds an entry whose id is the last that `nextId` gave. */
  add(entry: T): void {
    this.#slots[entry.id & this.#mask] = entry;
    this.size++;
  }

  get(id: number): T | undefined {
    const entry = this.#slots[id & this.#mask];
    return entry !== undefined && entry.id === id ? entry : undefined;
  }

  /** Forgets an entry that is in the table. */
  delete(entry: T): void {
    this.#slots[entry.id & this.#mask] = undefined;
    this.size--;
  }

  /** All entries, as they are now. */
  entries(): T[] {
    return this.#slots.filter((entry) => entry !== undefined);
  }

  #grow(): void {
    const entries = this.entries();
    this.#slots = new Array(this.#slots.length * 2).fill(undefined);
    this.#mask = this.#slots.length - 1;
    // Ids whose lower bits differ still differ with one bit more.
    for (const entry of entries) this.#slots[entry.id & this.#mask] = entry;
  }
}

import type { Clock } from '@ringfort/bus';
import type { Ring } from '@ringfort/ring';
import type { Store } from '@ringfort/storage';
import type { CollectableRecord } from './collect-contract.ts';
import { primariesOf, takenOf } from './collect-core.ts';
import { nameBytes } from './diff-core.ts';
import { turn } from './list-range.ts';

export interface CollectablesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly self: string;
  readonly maxRecords: number;
  readonly maxBytes: number;
  /** A record younger than that is left for later: a courtesy to writes that are on their way, and no reason to collect it. */
  readonly minAgeMs: number;
}

/** What a partition has to be collected, as far as one node's copy tells. */
export interface Collectables {
  readonly records: readonly CollectableRecord[];
  /** How many there are, those that do not fit into one collection too. */
  readonly found: number;
}

const PAGE = { maxItems: 256, maxBytes: 1024 * 1024 };
const nothing: Collectables = Object.freeze({ records: [], found: 0 });

/** Finds what can be collected, by walking the records of partitions that have changed; other work has its turn after every page. */
export class CollectableFinder {
  readonly #options: CollectablesOptions;
  /** By partition, when each record that is found was found first. */
  readonly #seen = new Map<number, Map<string, number>>();
  /** Roots of partitions in which there was nothing, and nothing will be unless they change or something expires. */
  readonly #clean = new Map<number, { readonly root: string; readonly untilMs: number }>();

  constructor(options: CollectablesOptions) {
    this.#options = options;
  }

  async find(ring: Ring, partition: number): Promise<Collectables> {
    const { store, clock } = this.#options;
    const clean = this.#clean.get(partition);
    const root = store.root(partition);
    if (clean !== undefined && clean.root === root && clock.now() < clean.untilMs) return nothing;
    const walk = new Walk(this.#options, ring, partition, this.#seen.get(partition));
    await walk.run();
    if (walk.found > 0) {
      this.#seen.set(partition, walk.seen);
      this.#clean.delete(partition);
    } else {
      this.#seen.delete(partition);
      this.#clean.set(partition, { root, untilMs: walk.nextExpiryMs });
    }
    return { records: walk.records, found: walk.found };
  }
}

class Walk {
  readonly records: CollectableRecord[] = [];
  readonly seen = new Map<string, number>();
  found = 0;
  nextExpiryMs = Number.POSITIVE_INFINITY;
  #bytes = 0;
  readonly #options: CollectablesOptions;
  readonly #ring: Ring;
  readonly #partition: number;
  readonly #before: ReadonlyMap<string, number> | undefined;

  constructor(
    options: CollectablesOptions,
    ring: Ring,
    partition: number,
    before: ReadonlyMap<string, number> | undefined,
  ) {
    this.#options = options;
    this.#ring = ring;
    this.#partition = partition;
    this.#before = before;
  }

  async run(): Promise<void> {
    const { store, clock } = this.#options;
    let after: Uint8Array | undefined;
    do {
      const page = store.fold({ partition: this.#partition, ...(after && { after }) }, PAGE);
      for (const { id, record } of page.items) if (record !== undefined) this.#look(id.bucket, id.key, record);
      after = page.next;
      if (after !== undefined) await turn(clock);
    } while (after !== undefined);
  }

  #look(
    bucket: string,
    key: string,
    { digest, object }: { readonly digest: string; readonly object: FoldedObject },
  ): void {
    const { clock, self, maxRecords, maxBytes, minAgeMs } = this.#options;
    for (const { expiresAtMs } of object.siblings)
      if (expiresAtMs !== undefined)
        this.nextExpiryMs = Math.min(this.nextExpiryMs, Math.max(expiresAtMs, clock.now()));
    const takes = takenOf(object, clock.now());
    if (takes === undefined || !primariesOf(this.#ring, this.#partition, bucket).includes(self)) return;
    this.found += 1;
    const size = nameBytes({ bucket, key }) + 48;
    if (this.records.length >= maxRecords || this.#bytes + size > maxBytes) return;
    const nowMs = clock.monotonicMs();
    const sinceMs = this.#before?.get(digest) ?? nowMs;
    if (this.seen.size < maxRecords) this.seen.set(digest, sinceMs);
    if (nowMs - sinceMs < minAgeMs) return;
    this.#bytes += size;
    this.records.push({ bucket, key, digest, takes });
  }
}

type FoldedObject = Parameters<typeof takenOf>[0];

import type { Draw } from './random.ts';
import { type Chooser, chooserOf, type Distribution } from './zipfian-core.ts';

export const workloadNames = ['a', 'b', 'c', 'd', 'f', 'put', 'get'] as const;
export type WorkloadName = (typeof workloadNames)[number];
export type OperationKind = 'read' | 'update' | 'insert' | 'read-modify-write';

/** The share of each kind of operation (they sum up to 1), and how keys are chosen. */
export interface Workload {
  readonly title: string;
  readonly mix: Readonly<Partial<Record<OperationKind, number>>>;
  readonly distribution: Distribution;
}

/** YCSB's core workloads A, B, C, D, F (Cooper et al., SoCC 2010, table 2) and pure puts and gets over evenly chosen keys. */
export const workloads: Readonly<Record<WorkloadName, Workload>> = {
  a: { title: 'A update heavy', mix: { read: 0.5, update: 0.5 }, distribution: 'zipfian' },
  b: { title: 'B read mostly', mix: { read: 0.95, update: 0.05 }, distribution: 'zipfian' },
  c: { title: 'C read only', mix: { read: 1 }, distribution: 'zipfian' },
  d: { title: 'D read latest', mix: { read: 0.95, insert: 0.05 }, distribution: 'latest' },
  f: { title: 'F read-modify-write', mix: { read: 0.5, 'read-modify-write': 0.5 }, distribution: 'zipfian' },
  put: { title: 'put only', mix: { update: 1 }, distribution: 'uniform' },
  get: { title: 'get only', mix: { read: 1 }, distribution: 'uniform' },
};

export interface Operation {
  readonly kind: OperationKind;
  /** Index of the key. */
  readonly key: number;
}

/** The stream of operations of one run: repeatable from the seed, as long as inserts end in the same order. */
export class OperationStream {
  readonly #draw: Draw;
  readonly #chooser: Chooser;
  readonly #kinds: readonly (readonly [OperationKind, number])[];
  readonly #inserted = new Set<number>();
  #nextKey: number;
  #readableKeys: number;

  constructor(workload: Workload, keys: number, draw: Draw, distribution: Distribution = workload.distribution) {
    this.#draw = draw;
    this.#chooser = chooserOf(distribution, keys);
    this.#nextKey = keys;
    this.#readableKeys = keys;
    let sum = 0;
    this.#kinds = Object.entries(workload.mix).map(([kind, share]) => {
      sum += share;
      return [kind as OperationKind, sum] as const;
    });
  }

  /** Keys from 0 that are known to exist. */
  get readableKeys(): number {
    return this.#readableKeys;
  }

  next(): Operation {
    const kind = this.#kind();
    if (kind === 'insert') {
      this.#nextKey += 1;
      return { kind, key: this.#nextKey - 1 };
    }
    return { kind, key: this.#chooser.next(this.#draw, this.#readableKeys) };
  }

  /** An insert was acknowledged: its key may be read once all before it are there too (YCSB's acknowledged counter). */
  acknowledged({ kind, key }: Operation): void {
    if (kind !== 'insert') return;
    this.#inserted.add(key);
    while (this.#inserted.delete(this.#readableKeys)) this.#readableKeys += 1;
  }

  #kind(): OperationKind {
    if (this.#kinds.length === 1) return this.#kinds[0]![0];
    const point = this.#draw.float();
    return (this.#kinds.find(([, upTo]) => point < upTo) ?? this.#kinds.at(-1)!)[0];
  }
}

import { type Bus, type CountedBus, type MemoryNetwork, memoryBus } from '@ringfort/bus';
import { digestOf, memoryStore, type RecordId, type Store } from '@ringfort/storage';
import { type Faults, faultyNetwork, seededRandom, type VirtualClock, virtualClock } from '@ringfort/testkit';
import { contextOf, encodeObject, updateObject, type VersionedObject } from '@ringfort/versioning';
import { startExchange } from '../../src/exchange.ts';
import type { ExchangeOutcome } from '../../src/exchange-machine.ts';
import { type AntiEntropyLimits, defaultLimits, type Replica, serveExchange } from '../../src/index.ts';
import { storeReplica } from '../../src/store-replica.ts';

const encoder = new TextEncoder();
const all = { maxItems: 1_000_000, maxBytes: 1 << 30 };

/** An object with one sibling. */
export function blind(actor: string, counter: number, text: string): VersionedObject {
  const value = encoder.encode(text);
  return updateObject(undefined, undefined, { actor, counter }, { value, contentType: 'text/plain' });
}

/** A write that has seen all of the object. */
export function after(object: VersionedObject, actor: string, counter: number, text: string): VersionedObject {
  const value = encoder.encode(text);
  return updateObject(object, contextOf(object), { actor, counter }, { value, contentType: 'text/plain' });
}

export const bytesOf = encodeObject;

/** All that a store holds of a partition, by name: digests of bytes, so that equal means byte-identical. */
export function contentOf(store: Store, partition: number): Map<string, string> {
  return new Map(
    store
      .fold({ partition }, all)
      .items.map(({ id, record }) => [
        `${id.bucket}/${id.key}`,
        record === undefined ? 'corrupt' : digestOf(record.bytes),
      ]),
  );
}

export interface Side {
  readonly node: string;
  bus: CountedBus & Bus;
  readonly store: Store;
  replica(): Replica;
}

/** Two nodes with a store each; n2 serves, n1 begins. */
export class TwoSides {
  readonly clock: VirtualClock = virtualClock();
  readonly faulty;
  readonly n1: Side;
  readonly n2: Side;
  readonly limits: AntiEntropyLimits;
  /** Of n1's exchanges: what held up one record. */
  readonly faults: Error[] = [];
  served: { close(): void };

  constructor(options: { limits?: Partial<AntiEntropyLimits>; faults?: Faults; seed?: number } = {}) {
    const random = seededRandom(options.seed ?? 1);
    this.faulty = faultyNetwork({ clock: this.clock, random, ...(options.faults && { faults: options.faults }) });
    this.limits = { ...defaultLimits, settleMs: 0, ...options.limits };
    this.n1 = this.#side('n1');
    this.n2 = this.#side('n2');
    this.served = this.#serve();
  }

  #side(node: string): Side {
    const store = memoryStore({ clock: this.clock, random: seededRandom(node.charCodeAt(1)) });
    const replica = () => storeReplica({ store, partition: 7, scope: undefined, heldByOthers: async () => [] });
    return { node, bus: this.bus(node), store, replica };
  }

  bus(node: string): CountedBus {
    const network: MemoryNetwork = this.faulty.network;
    return memoryBus({ network, cluster: 'test', self: `node.${node}`, clock: this.clock });
  }

  #serve() {
    const { clock, limits } = this;
    return serveExchange({ bus: this.n2.bus, node: 'n2', open: () => this.n2.replica(), clock, limits });
  }

  /** n2's process dies, and another one takes its place on the same disk. */
  restartN2(): void {
    this.served.close();
    void this.n2.bus.close();
    this.n2.bus = this.bus('n2');
    this.served = this.#serve();
  }

  write(side: Side, key: string, object: VersionedObject, bucket = 'b') {
    const id: RecordId = { partition: 7, bucket, key };
    return side.store.write(id, bytesOf(object));
  }

  begin() {
    return startExchange({
      bus: this.n1.bus,
      clock: this.clock,
      peer: 'n2',
      partition: 7,
      replica: this.n1.replica(),
      limits: this.limits,
      onFault: (fault) => this.faults.push(fault),
      paceMs: () => 0,
      owesHints: () => false,
    });
  }

  /** One exchange from its beginning to its end; undefined: it has none within ten minutes. */
  exchange(): Promise<ExchangeOutcome> {
    return this.run(this.begin().outcome);
  }

  /** Lets time pass until it is done. */
  async run<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    for (let passedMs = 0; !isDone && passedMs < 600_000; passedMs += 10) await this.clock.advanceAsync(10);
    if (!isDone) throw new Error('it does not end');
    return done;
  }

  get areEqual(): boolean {
    const [a, b] = [contentOf(this.n1.store, 7), contentOf(this.n2.store, 7)];
    return a.size === b.size && [...a].every(([name, digest]) => b.get(name) === digest);
  }

  async close(): Promise<void> {
    this.served.close();
    await Promise.all([this.n1.bus.close(), this.n2.bus.close()]);
  }
}

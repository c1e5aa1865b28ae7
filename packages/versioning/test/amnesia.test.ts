import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ActorId,
  createVersioner,
  type Dot,
  formatDot,
  highestCounter,
  mergeObjects,
  type RunMarker,
  updateObject,
  type VersionedObject,
  type Versioner,
} from '../src/index.ts';

/** One key of a store that loses things, a process that dies, and replicas elsewhere that remember everything. */
class ForgetfulStore {
  object: VersionedObject | undefined;
  actor: ActorId | undefined;
  /** States the disk was in; a rollback while the process is down returns to one of them. */
  readonly #past: [VersionedObject | undefined, ActorId | undefined][] = [];
  #elsewhere: VersionedObject | undefined;
  #marker: RunMarker | undefined;
  #inFlight: { dot: Dot; object: VersionedObject }[] = [];
  #starts = 0;
  versioner!: Versioner;
  readonly given: string[] = [];

  async start(): Promise<void> {
    const seed = ++this.#starts;
    this.versioner = await createVersioner({
      random: (count) => new Uint8Array(count).fill(seed),
      maxTainted: 2,
      marker: {
        take: async () => {
          const marker = this.#marker;
          this.#marker = undefined;
          return marker;
        },
        leave: async (marker) => {
          this.#marker = marker;
        },
      },
    });
  }

  /** A put: its dot is given and sent to the other replicas at once; the local commit stays under way. */
  put(withContext: boolean): void {
    const context = withContext ? this.#elsewhere?.clock : undefined;
    const inFlight = this.#inFlight.at(-1);
    const { dot } = this.versioner.dotFor({
      keyId: 'k',
      record: this.object && { actor: this.actor, clock: this.object.clock },
      inFlight: inFlight?.dot,
      context,
    });
    this.given.push(formatDot(dot));
    const before = inFlight?.object ?? this.object;
    const object = updateObject(before, context, dot, { value: Buffer.from(formatDot(dot)), contentType: '' });
    this.#inFlight.push({ dot, object });
    this.#elsewhere = this.#elsewhere === undefined ? object : mergeObjects(this.#elsewhere, object);
  }

  commit(succeeds: boolean): void {
    const write = this.#inFlight.shift();
    if (write === undefined) return;
    if (!succeeds) {
      this.versioner.taint('k');
      return;
    }
    this.#past.push([this.object, this.actor]);
    this.object = this.object === undefined ? write.object : mergeObjects(this.object, write.object);
    this.actor = write.dot.actor;
  }

  /** The record vanishes under the running process: bit rot, an operator. */
  lose(): void {
    this.object = undefined;
    this.actor = undefined;
  }

  /** Another replica's object arrives by read repair. What is local to the store stays. */
  repair(): void {
    if (this.#elsewhere === undefined) return;
    if (this.actor !== undefined) {
      const known = Math.max(highestCounter(this.object!.clock, this.actor), this.#inFlight.at(-1)?.dot.counter ?? 0);
      this.versioner.noticeForeign('k', this.actor, highestCounter(this.#elsewhere.clock, this.actor), known);
    }
    this.object = this.object === undefined ? this.#elsewhere : mergeObjects(this.object, this.#elsewhere);
  }

  async restart(how: 'clean' | 'killed' | 'rolled back', pick: number): Promise<void> {
    if (how === 'clean') {
      while (this.#inFlight.length > 0) this.commit(true);
      await this.versioner.stop();
    } else {
      this.#inFlight = [];
    }
    const state = this.#past[pick % Math.max(1, this.#past.length)];
    if (how === 'rolled back' && state !== undefined) [this.object, this.actor] = state;
    await this.start();
  }
}

const anyFate = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('put' as const), withContext: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('commit' as const), succeeds: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('repair' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('restart' as const),
      how: fc.constantFrom('clean' as const, 'killed' as const, 'rolled back' as const),
      pick: fc.nat(20),
    }),
  },
);

describe('a store that loses records, is rolled back, restarted, and fails to write', () => {
  it('never gives a dot twice', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyFate, { maxLength: 40 }), async (fates) => {
        const store = new ForgetfulStore();
        await store.start();
        for (const fate of fates) {
          if (fate.do === 'put') store.put(fate.withContext);
          else if (fate.do === 'commit') store.commit(fate.succeeds);
          else if (fate.do === 'lose') store.lose();
          else if (fate.do === 'repair') store.repair();
          else await store.restart(fate.how, fate.pick);
        }
        expect(new Set(store.given).size).toBe(store.given.length);
      }),
      { numRuns: 600 },
    );
  });

  it('does not let clocks grow by clean restarts: the run goes on', async () => {
    const store = new ForgetfulStore();
    await store.start();
    for (let i = 0; i < 5; i++) {
      store.put(false);
      store.commit(true);
      await store.restart('clean', 0);
    }
    expect(store.object!.clock.vector.size).toBe(1);
    expect(store.given.at(-1)).toMatch(/:5$/);
  });

  it('takes a fresh actor after a kill', async () => {
    const store = new ForgetfulStore();
    await store.start();
    for (let i = 0; i < 3; i++) {
      store.put(true);
      store.commit(true);
      await store.restart('killed', 0);
    }
    expect(store.given.every((dot) => dot.endsWith(':1'))).toBe(true);
  });
});

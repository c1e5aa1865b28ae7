import { memoryNetwork } from '@ringfort/bus';
import { seededRandom, virtualClock } from '@ringfort/testkit';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { connect, RingfortError } from '../src/index.ts';
import { FakeCluster, NodeFailure } from './support/fake-cluster.ts';

/** What a node does with one put that reaches it. */
const fates = ['serve', 'refuse', 'fail before', 'fail after', 'hang before', 'hang after', 'die'] as const;
const anyFate = fc.constantFrom(...fates, 'serve' as const);
const anyWrite = fc.record({ key: fc.nat(1), afterMs: fc.nat(200), fate: fc.array(anyFate, { maxLength: 3 }) });

const timeoutMs = 1000;
const tickMs = 20;

it('whatever nodes do: each write ends in time, "not applied" and success are true, and none is applied twice', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyWrite, { minLength: 1, maxLength: 12 }), fc.nat(), async (writes, seed) => {
      const clock = virtualClock();
      const random = seededRandom(seed);
      const cluster = new FakeCluster(['n1', 'n2', 'n3', 'n4'], true, memoryNetwork({ clock, random }));
      const applied: string[] = [];
      const todo = new Map(writes.map((write, i) => [`"v${i}"`, [...write.fate]]));
      for (const node of cluster.nodes.values())
        node.behave = (verb, body) => {
          if (verb !== 'put') return;
          const put = body as { bucket: string; key: string; value: Uint8Array };
          const value = Buffer.from(put.value).toString();
          const fate = todo.get(value)!.shift() ?? 'serve';
          const hang = new Promise<void>(() => {});
          if (fate === 'refuse') throw new NodeFailure('NOT_SERVING', { outcome: 'not-applied' });
          if (fate === 'fail before') throw new NodeFailure('INTERNAL');
          if (fate === 'hang before') return hang;
          if (fate === 'die') {
            node.kill();
            return hang;
          }
          applied.push(value);
          if (fate === 'fail after') throw new NodeFailure('INTERNAL');
          if (fate === 'hang after') return hang;
          return;
        };
      const bus = cluster.clientBus();
      const connecting = connect({ bus, clock, random, timeoutMs });
      await clock.advanceAsync(100);
      const db = await connecting;
      const bucket = db.bucket<string>('b');
      const ends: { value: string; error: unknown; tookMs: number }[] = [];
      writes.forEach(({ key, afterMs }, i) => {
        clock.setTimeout(() => {
          const startMs = clock.monotonicMs();
          const end = (error: unknown) => ends.push({ value: `"v${i}"`, error, tookMs: clock.monotonicMs() - startMs });
          bucket.put(`k${key}`, `v${i}`).then(() => end(undefined), end);
        }, afterMs);
      });
      await clock.advanceAsync(200 + timeoutMs + tickMs);

      expect(ends).toHaveLength(writes.length);
      expect(new Set(applied).size).toBe(applied.length);
      for (const { value, error, tookMs } of ends) {
        expect(tookMs).toBeLessThanOrEqual(timeoutMs + tickMs);
        if (error === undefined) expect(applied).toContain(value);
        else if (!(error instanceof RingfortError)) throw error;
        else if (error.outcome === 'not-applied') expect(applied).not.toContain(value);
        else expect(error.outcome).toBe('indeterminate');
      }
      await db.close();
    }),
    { numRuns: 120 },
  );
});

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InterruptedError } from '../src/errors.ts';
import { parseRunOptions, type RunOptions, reportJson, reportText, run } from '../src/index.ts';
import type { Target, TargetName, TargetOptions } from '../src/target.ts';

interface Fault {
  readonly read?: (key: string, values: readonly Uint8Array[], reads: number) => readonly Uint8Array[];
  readonly write?: (key: string, writes: number) => void | Promise<void>;
  readonly start?: () => void;
  readonly freshReads?: boolean;
}

let folder: string;
let stopped: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bench-test-'));
  stopped = [];
});
afterEach(() => rm(folder, { recursive: true }));

/** A target that is a map, with a fault. */
const fake =
  (name: TargetName, fault: Fault = {}) =>
  async ({ dir }: TargetOptions): Promise<Target> => {
    fault.start?.();
    await mkdir(dir);
    const store = new Map<string, Uint8Array>();
    let [reads, writes] = [0, 0];
    return {
      name,
      description: `fake ${name}`,
      pids: [process.pid],
      freshReads: fault.freshReads ?? true,
      read: async (key) => {
        await sleep(0);
        reads += 1;
        const value = store.get(key);
        const values = value === undefined ? [] : [value];
        return fault.read?.(key, values, reads) ?? values;
      },
      write: async (key, value) => {
        await sleep(0);
        writes += 1;
        await fault.write?.(key, writes);
        store.set(key, value);
      },
      stop: async () => void stopped.push(name),
    };
  };

const options = (more: Record<string, unknown> = {}): RunOptions =>
  parseRunOptions({
    target: 'ringfort,etcd',
    workload: 'a',
    seconds: 0.2,
    warmup: 0,
    rounds: 2,
    records: 50,
    valueBytes: 64,
    clients: 8,
    dir: folder,
    ...more,
  });

const runWith = (fault: Fault, more: Record<string, unknown> = {}, signal = new AbortController().signal) =>
  run(options(more), {
    starters: { ringfort: fake('ringfort', fault), etcd: fake('etcd'), 'jetstream-kv': fake('jetstream-kv') },
    progress: { stage: () => undefined, step: () => undefined, end: () => undefined },
    signal,
  });

const nothingLeft = async () => {
  expect(stopped).toEqual(['etcd', 'ringfort']);
  expect(await readdir(folder)).toEqual([]);
};

describe('a run', () => {
  it('measures every target in every round, compares them, and leaves nothing behind', async () => {
    const result = await runWith({}, { workload: 'a,d,f,put,get' });
    expect(result.workloads.map(({ workload }) => workload)).toEqual(['a', 'd', 'f', 'put', 'get']);
    for (const { targets, ratios } of result.workloads) {
      expect(targets.map(({ target, rounds }) => [target, rounds.length])).toEqual([
        ['ringfort', 2],
        ['etcd', 2],
      ]);
      for (const { rounds } of targets) {
        for (const { operations, latency, latencyByKind } of rounds) {
          const kinds = Object.values(latencyByKind).reduce((sum, { count }) => sum + count, 0);
          expect([latency.count, kinds]).toEqual([operations, operations]);
          expect(latency.p50Us <= latency.p99Us && latency.p99Us <= latency.p999Us).toBe(true);
        }
      }
      expect(ratios).toMatchObject([{ target: 'ringfort', to: 'etcd' }]);
    }
    const text = reportText(result, options());
    for (const part of ['fake ringfort', 'closed loop, 8 clients', 'F read-modify-write', 'ringfort / etcd']) {
      expect(text).toContain(part);
    }
    expect(JSON.parse(reportJson(result, options()))).toMatchObject({
      options: { clients: 8 },
      workloads: result.workloads,
    });
    await nothingLeft();
  });

  it('offers an open loop at a steady rate, and counts a stall in every operation that it delayed', async () => {
    const stall: Fault = { write: (_, writes) => (writes === 60 ? sleep(150) : undefined) };
    const result = await runWith(stall, { workload: 'put', rate: 400, seconds: 0.5, rounds: 1 });
    const [ringfort] = result.workloads[0]!.targets;
    expect(ringfort!.rounds[0]!.operations).toBe(200);
    expect(ringfort!.summary.latency.maxUs).toBeGreaterThanOrEqual(149_000);
    await nothingLeft();
  });

  it('refuses a result when an operation failed', async () => {
    const failing: Fault = {
      write: (_, writes) => {
        if (writes === 70) throw Object.assign(new Error('no quorum'), { code: 'QUORUM_UNAVAILABLE' });
      },
    };
    await expect(runWith(failing, { workload: 'put' })).rejects.toMatchObject({
      code: 'BENCH_OPERATIONS_FAILED',
      message: expect.stringMatching(
        /ringfort: 1 operations failed.*update user0000000\d\d: QUORUM_UNAVAILABLE: no quorum/,
      ),
    });
    await nothingLeft();
  });

  it.each([
    ['nothing', () => [], /nothing is there/],
    ['a foreign value', () => [new Uint8Array(64)], /not a value of this bench/],
    [
      'a truncated value',
      (_: string, [value]: readonly Uint8Array[]) => [value!.subarray(1)],
      /63 bytes instead of 64/,
    ],
  ])('refuses a result when a read returned %s', async (_, damage, message) => {
    const read = (key: string, values: readonly Uint8Array[], reads: number) =>
      reads === 5 ? damage(key, values) : values;
    await expect(runWith({ read })).rejects.toMatchObject({
      code: 'BENCH_VERIFICATION_FAILED',
      message: expect.stringMatching(message),
    });
    await nothingLeft();
  });

  it('refuses a result when a write was lost, whether or not reads may lag', async () => {
    for (const freshReads of [true, false]) {
      const first = new Map<string, Uint8Array>();
      const read: Fault['read'] = (key, values) => {
        const old = first.get(key) ?? values[0]!;
        first.set(key, old);
        return [old];
      };
      await expect(runWith({ read, freshReads }, { records: 3, workload: 'f' })).rejects.toMatchObject({
        code: 'BENCH_VERIFICATION_FAILED',
        message: expect.stringMatching(/write \d+ is stale, \d+ was acknowledged before/),
      });
    }
  });

  it('accepts siblings of which one is fresh', async () => {
    let older: { key: string; value: Uint8Array } | undefined;
    const read: Fault['read'] = (key, values) => {
      older ??= { key, value: values[0]! };
      return older.key === key ? [older.value, ...values] : values;
    };
    await runWith({ read });
    await nothingLeft();
  });

  it('ends everything when a target does not start, and when it is interrupted', async () => {
    const failing = fake('etcd', {
      start: () => {
        throw new Error('no port');
      },
    });
    const context = {
      starters: { ringfort: fake('ringfort'), etcd: failing, 'jetstream-kv': fake('jetstream-kv') },
      progress: { stage: () => undefined, step: () => undefined, end: () => undefined },
      signal: new AbortController().signal,
    };
    await expect(run(options(), context)).rejects.toThrow('no port');
    expect(stopped.splice(0)).toEqual(['ringfort']);
    const interruption = new AbortController();
    const interrupting: Fault = {
      write: (_, writes) => {
        if (writes === 80) interruption.abort(new InterruptedError());
      },
    };
    await expect(runWith(interrupting, { seconds: 60 }, interruption.signal)).rejects.toMatchObject({
      code: 'BENCH_INTERRUPTED',
    });
    await nothingLeft();
    expect(existsSync(folder)).toBe(true);
  });
});

describe('options', () => {
  it('have defaults, and each wrong one is named', () => {
    expect(options()).toMatchObject({
      target: ['ringfort', 'etcd'],
      nodes: 3,
      durability: 'fsync',
      seed: 1,
      json: false,
    });
    const wrong: [Record<string, unknown>, string][] = [
      [{ target: 'redis' }, 'target'],
      [{ workload: 'e' }, 'workload'],
      [{ clients: 0 }, 'clients'],
      [{ rate: 'fast' }, 'rate'],
      [{ valueBytes: 3 }, 'value-bytes'],
      [{ nodes: 2 }, 'nodes'],
      [{ durability: 'never' }, 'durability'],
    ];
    for (const [more, flag] of wrong) {
      expect(() => options(more)).toThrow(expect.objectContaining({ code: 'BENCH_OPTION_INVALID', details: { flag } }));
    }
  });
});

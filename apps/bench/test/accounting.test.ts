import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cpuMicroseconds, ticksOf } from '../src/cpu.ts';
import { type Issued, Ledger } from '../src/ledger-core.ts';
import { byModule, selfTimes } from '../src/profile.ts';
import { type Measurement, median, ratioOf, summarise } from '../src/stats-core.ts';
import { keyName, MIN_VALUE_BYTES, Values } from '../src/value-core.ts';

describe('values', () => {
  it('tell key and sequence, and any changed byte is noticed', () => {
    const sizes = fc.integer({ min: MIN_VALUE_BYTES, max: 2_000 });
    const words = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(sizes, words, words, fc.nat(), fc.integer({ min: 1, max: 255 }), (size, key, sequence, at, flip) => {
        const values = new Values(size);
        const value = values.make(key, sequence);
        expect(value.length).toBe(size);
        expect(values.check(key, value, true)).toEqual({ sequence });
        value[at % size]! ^= flip;
        const checked = values.check(key, value, true);
        expect('wrong' in checked).toBe(true);
      }),
    );
  });

  it('of another key or size are named', () => {
    const values = new Values(100);
    expect(values.check(1, values.make(2, 1), false)).toEqual({
      wrong: 'user000000001: holds the value of user000000002',
    });
    expect(values.check(1, new Uint8Array(3), false)).toEqual({ wrong: 'user000000001: 3 bytes instead of 100' });
    expect(keyName(42)).toBe('user000000042');
  });
});

describe('the ledger', () => {
  it('never calls fresh what surely was overwritten, nor stale what an atomic register may return', () => {
    // Writes of one key overlap at random; a register takes effect at any point between begin and acknowledgement.
    const script = fc.array(fc.record({ begin: fc.boolean(), pick: fc.nat() }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(script, (steps) => {
        const ledger = new Ledger();
        const open: { issued: Issued; applied: boolean }[] = [];
        let register = 0;
        const apply = (write: (typeof open)[number]) => {
          if (!write.applied) register = write.issued.sequence;
          write.applied = true;
        };
        for (const { begin, pick } of steps) {
          if (begin || open.length === 0) open.push({ issued: ledger.begin(7), applied: false });
          else if (pick % 2 === 0) apply(open[pick % open.length]!);
          else {
            const [write] = open.splice(pick % open.length, 1);
            apply(write!);
            ledger.acknowledged(7, write!.issued);
          }
          expect(register).toBeGreaterThanOrEqual(ledger.oldestFresh(7));
          expect(register).toBeLessThanOrEqual(ledger.newest(7));
        }
      }),
    );
    const ledger = new Ledger();
    for (let round = 1; round <= 3; round += 1) {
      ledger.acknowledged(1, ledger.begin(1));
      expect([ledger.oldestFresh(1), ledger.newest(1)]).toEqual([round, round]);
    }
    expect([ledger.oldestFresh(2), ledger.newest(2)]).toEqual([0, 0]);
  });
});

describe('CPU time', () => {
  it('is read from /proc, whatever the process is called', () => {
    const stat = '12 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 111 22 0 0 20 0';
    expect(ticksOf(stat)).toBe(133);
    const before = cpuMicroseconds([process.pid]);
    const usedUs = () => process.cpuUsage().user + process.cpuUsage().system;
    const [cpuBefore, target] = [usedUs(), usedUs() + 100_000];
    while (usedUs() < target);
    const grown = cpuMicroseconds([process.pid]) - before;
    // Clock ticks are coarse: two of 10 ms, one at each end, are allowed.
    expect(Math.abs(grown - (usedUs() - cpuBefore))).toBeLessThan(30_000);
    expect(cpuMicroseconds([process.pid, process.pid])).toBeGreaterThanOrEqual(2 * before);
  });
});

describe('summaries', () => {
  const round = (throughput: number, us: number): Measurement => ({
    operations: 10,
    seconds: 1,
    throughput,
    latency: { count: 10, meanUs: us, p50Us: us, p99Us: us, p999Us: us, maxUs: us },
    latencyByKind: {},
    clientCpuUs: us,
    serverCpuUs: us,
  });

  it('are medians, with the spread of throughput', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, Number.NaN]);
    const summary = summarise([round(10, 5), round(30, 1), round(20, 9)]);
    expect(summary).toMatchObject({ rounds: 3, throughput: 20, minThroughput: 10, maxThroughput: 30, clientCpuUs: 5 });
    expect(summary.latency).toMatchObject({ count: 30, p999Us: 5 });
  });

  it('compare rounds next to each other, so that drift cancels out', () => {
    const mine = [round(100, 10), round(50, 20), round(10, 100)];
    const theirs = [round(50, 20), round(25, 40), round(5, 200)];
    expect(ratioOf('a', mine, 'b', theirs)).toEqual({
      target: 'a',
      to: 'b',
      throughput: 2,
      p99: 0.5,
      p999: 0.5,
      cpu: 0.5,
    });
  });
});

describe('profiles', () => {
  it('are summed by function and by module', () => {
    const frame = (functionName: string, url: string) => ({ functionName, url, lineNumber: 4 });
    const { functions, busyUs, idleUs } = selfTimes({
      nodes: [
        { id: 1, callFrame: frame('(idle)', '') },
        { id: 2, callFrame: frame('parse', 'file:///x/node_modules/zod/v4/core.js') },
        { id: 3, callFrame: frame('parse', 'file:///x/node_modules/zod/v4/core.js') },
        { id: 4, callFrame: frame('put', 'file:///x/packages/storage/dist/store.js') },
        { id: 5, callFrame: frame('(garbage collector)', '') },
      ],
      samples: [1, 2, 3, 4, 5],
      timeDeltas: [100, 10, 20, 5, 1],
    });
    expect([busyUs, idleUs, functions[0]]).toEqual([36, 100, { name: 'parse', where: 'zod/v4/core.js:5', selfUs: 30 }]);
    expect(byModule(functions)).toEqual([
      { module: 'zod', selfUs: 30 },
      { module: 'packages/storage', selfUs: 5 },
      { module: 'garbage collector', selfUs: 1 },
    ]);
  });
});

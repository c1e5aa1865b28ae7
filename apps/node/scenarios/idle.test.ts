import { setTimeout as sleep } from 'node:timers/promises';
import { withTestCluster } from '@ringfort/testkit';
import { expect, it } from 'vitest';
import { cpuMs, residentMb, sees, summary } from './harness/cluster-state.ts';

const WATCHED_MS = 10_000;
const SETTLING_MS = 5_000;

it('idle: five nodes with nothing to do use under 3% of a core and under 120 MB each', { timeout: 60_000 }, () =>
  withTestCluster({ nodes: 5 }, async ({ nodes }) => {
    const ids = nodes.map(({ id }) => id);
    await Promise.all(nodes.map((node) => sees(node, ids, ['up'])));
    await sleep(SETTLING_MS);
    const before = nodes.map(({ pid }) => cpuMs(pid));
    const beginMs = performance.now();
    await sleep(WATCHED_MS);
    const tookMs = performance.now() - beginMs;
    const percent = nodes.map(({ pid }, index) => (100 * (cpuMs(pid) - before[index]!)) / tookMs);
    const resident = nodes.map(({ pid }) => residentMb(pid));
    summary('idle', undefined, {
      cpuPercent: percent.map((one) => one.toFixed(2)),
      residentMb: resident.map((one) => one.toFixed(0)),
    });
    for (const one of percent) expect(one).toBeLessThan(3);
    for (const one of resident) expect(one).toBeLessThan(120);
  }),
);

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { drawPlan } from '../../sim/plan.ts';
import { simulate } from '../../sim/simulate.ts';

const SEED = 6;
/** Runs of all kinds in between. */
const others = [
  [12, 'hot'],
  [13, 'crashes'],
  [14, 'network'],
  [15, 'disks'],
] as const;

describe('a seed', () => {
  it('gives the same event log, byte for byte, whatever ran before in the process', async () => {
    const first = await simulate(drawPlan(SEED, 'default'), { keepLines: true });
    for (const [seed, scenario] of others) await simulate({ ...drawPlan(seed, scenario), maxRequests: 40 });
    const second = await simulate(drawPlan(SEED, 'default'), { keepLines: true });
    expect(second.lines.length).toBeGreaterThan(1_000);
    expect(second.lines).toEqual(first.lines);
    expect(second.digest).toBe(first.digest);
    const text = `${first.lines.join('\n')}\n`;
    expect(first.digest).toBe(createHash('sha256').update(text).digest('hex'));
  });

  it('draws another plan than its neighbour', () => {
    const plans = Array.from({ length: 50 }, (_, seed) => JSON.stringify({ ...drawPlan(seed, 'default'), seed: 0 }));
    expect(new Set(plans).size).toBe(50);
  });
});

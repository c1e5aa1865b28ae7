import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { drawPlan } from '../../sim/plan.ts';
import { simulate } from '../../sim/simulate.ts';

const SEED = 6;

describe('a seed', () => {
  it('gives the same event log, byte for byte, whatever ran before in the process', async () => {
    const first = await simulate(drawPlan(SEED, 'default'), { keepLines: true });
    await simulate({ ...drawPlan(12, 'hot'), maxRequests: 60 });
    const second = await simulate(drawPlan(SEED, 'default'), { keepLines: true });
    expect(second.lines.length).toBeGreaterThan(1_000);
    expect(second.lines).toEqual(first.lines);
    expect(second.digest).toBe(first.digest);
    const text = `${first.lines.join('\n')}\n`;
    expect(first.digest).toBe(createHash('sha256').update(text).digest('hex'));
  });

  it('gives the same event log in another process, compiled by another compiler', async () => {
    const { digest } = await simulate(drawPlan(SEED, 'default'));
    const root = fileURLToPath(new URL('../../../..', import.meta.url));
    const output = execFileSync(process.execPath, compiledRun(root), { cwd: root, encoding: 'utf8' });
    expect(output).toContain(`sha256 ${digest}`);
  });

  it('draws another plan than its neighbour', () => {
    const plans = Array.from({ length: 50 }, (_, seed) => JSON.stringify({ ...drawPlan(seed, 'default'), seed: 0 }));
    expect(new Set(plans).size).toBe(50);
  });
});

function compiledRun(root: string): string[] {
  const run = join(root, 'tools/run.mjs');
  expect(existsSync(run)).toBe(true);
  return [run, 'sim', '--seed', String(SEED), '--runs', '1', '--scenario', 'default'];
}

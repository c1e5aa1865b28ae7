import { describe, expect, it } from 'vitest';
import { drawPlan } from '../../sim/plan.ts';
import { nemesisKinds, type SimPlan } from '../../sim/plan-shape.ts';
import { optionsOf, shrink, simplified, unchanged } from '../../sim/simplify.ts';

const drawn: SimPlan = {
  ...drawPlan(1, 'default'),
  nodes: 5,
  maxRequests: 400,
  nemeses: nemesisKinds.map((kind) => ({ kind, everyMs: 100, forMs: 10 })),
  workload: { ...drawPlan(1, 'default').workload, clients: 5, keys: 8 },
};

describe('a failing plan', () => {
  it('is made as simple as it can be while it fails, and can be given as options', async () => {
    const needs = (plan: SimPlan) => plan.nemeses.some(({ kind }) => kind === 'crash') && plan.maxRequests >= 20;
    const less = await shrink(drawn, unchanged, async (plan) => needs(plan), 500);
    const simplest = simplified(drawn, less);
    expect(needs(simplest)).toBe(true);
    expect(simplest.nemeses.map(({ kind }) => kind)).toEqual(['crash']);
    expect(simplest.workload).toMatchObject({ clients: 1, keys: 1 });
    expect(simplest.nodes).toBe(3);
    expect(simplest.maxRequests).toBeLessThan(30);
    expect(optionsOf(less)).toMatch(/^ --without .*links.* --requests \d+/);
  });

  it('leaves out all faults but the first ones, those at fixed times too', async () => {
    const strikes = nemesisKinds.map((kind) => ({ kind, atMs: 10, forMs: 10, on: [0] }));
    const needs = ({ maxFaults = 100, strikes: left }: SimPlan) =>
      maxFaults >= 3 && left.some(({ kind }) => kind === 'wipe');
    const less = await shrink({ ...drawn, strikes }, unchanged, async (plan) => needs(plan), 500);
    const simplest = simplified({ ...drawn, strikes }, less);
    expect(simplest).toMatchObject({ maxFaults: 3, maxRequests: 1, strikes: [{ kind: 'wipe' }] });
    expect(optionsOf(less)).toContain(' --faults 3');
  });

  it('throws other dice where these hide what fails', async () => {
    const needs = (plan: SimPlan) => plan.maxRequests > 50 || (plan.seed !== drawn.seed && plan.maxRequests >= 10);
    const less = await shrink(drawn, unchanged, async (plan) => needs(plan), 500);
    expect(simplified(drawn, less).maxRequests).toBe(10);
    expect(optionsOf(less)).toMatch(/ --variant \d$/);
  });

  it('stays as it is when nothing may be taken away, or no run is left', async () => {
    expect(await shrink(drawn, unchanged, async () => false, 500)).toBe(unchanged);
    expect(await shrink(drawn, unchanged, async () => true, 0)).toBe(unchanged);
    expect(simplified(drawn, unchanged)).toEqual(drawn);
    expect(optionsOf(unchanged)).toBe('');
  });
});

import { describe, expect, it } from 'vitest';
import { drawPlan } from '../../sim/plan.ts';
import { simulate } from '../../sim/simulate.ts';
import { corpus } from './corpus.ts';

describe('the corpus', () => {
  for (const { scenario, seed, about, known } of corpus) {
    it(`${scenario} ${seed}: ${about}${known === undefined ? '' : ` (known to break ${known.invariant})`}`, async () => {
      const { broken, acknowledged } = await simulate(drawPlan(seed, scenario));
      const invariants = new Set(broken.map(({ invariant }) => invariant));
      if (known === undefined) expect(broken).toEqual([]);
      else expect(invariants).toContain(known.invariant);
      expect(acknowledged).toBeGreaterThan(0);
    });
  }
});

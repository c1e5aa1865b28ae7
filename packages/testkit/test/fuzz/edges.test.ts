import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Edges, openEdges } from '../../fuzz/edges.ts';
import { inputOf, runEdge } from '../../fuzz/runner.ts';

/** A fixed seed: what a longer run finds is told by `npm run fuzz`, and becomes a test of its own where it was mended. */
const SEED = 20_260;
const INPUTS = 4_000;

let edges: Edges;
beforeAll(async () => {
  edges = await openEdges();
}, 60_000);
afterAll(() => edges.close());

it('no malformed input at any edge crashes a node, is taken for valid, or is answered without a name', async () => {
  const shares = edges.all.reduce((sum, { share }) => sum + share, 0);
  for (const edge of edges.all) {
    const count = Math.ceil((INPUTS * edge.share) / shares);
    const { problems, outcomes } = await runEdge(edge, { seed: SEED, count, weighed: false });
    expect(problems, edge.name).toEqual([]);
    // Some are refused and some taken: else the inputs are all noise, or none is malformed.
    expect(outcomes.size, `${edge.name}: ${JSON.stringify([...outcomes])}`).toBeGreaterThan(1);
  }
  expect(edges.bus.answers.get('INVALID_MESSAGE')).toBeGreaterThan(0);
  expect(edges.bus.answers.get('a reply')).toBeGreaterThan(0);
}, 120_000);

it('makes the same inputs of the same seed, in any order', () => {
  for (const edge of edges.all) {
    const forth = [1, 2, 3, 40].map((index) => inputOf(edge, SEED, index));
    const back = [40, 3, 2, 1].map((index) => inputOf(edge, SEED, index)).reverse();
    expect(back, edge.name).toEqual(forth);
    expect(inputOf(edge, SEED + 1, 1), edge.name).not.toEqual(forth[0]);
  }
});

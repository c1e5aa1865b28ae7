import { keepFromSources, runFromSources } from '../from-sources.ts';
import { build } from '../nx.ts';
import { type Outcome, outcomeOf } from '../outcome.ts';
import { setUp } from './setup.ts';

/** @returns the exit code: 1 when an invariant was broken */
export function sim(root: string, args: readonly string[], tell: (line: string) => void): Promise<number> {
  return runFromSources(root, 'sim', args, tell);
}

/** @returns the exit code: 1 when an input did what none may do */
export async function fuzz(root: string, args: readonly string[], tell: (line: string) => void): Promise<number> {
  if (args.includes('--real')) {
    const { natsServer } = await setUp(root, tell);
    if (!natsServer) return 1;
    await build(root, '@ringfort/node');
  }
  return runFromSources(root, 'fuzz', args, tell);
}

/** These were run before, and broke nothing: `npm test` judges a commit, and must judge it alike twice. `npm run sim` looks for new ones. */
const SEEDS = { first: 20_000, runs: 150 } as const;
const TIMEOUT_MS = 300_000;

/** Simulates clusters from known seeds; a run that fails is simplified, and told with the command that repeats it. */
export async function simulatorSeeds(root: string): Promise<Outcome> {
  const args = ['--seed', String(SEEDS.first), '--runs', String(SEEDS.runs), '--first'];
  const { code, output, stdout, timedOut } = await keepFromSources(root, 'sim', args, TIMEOUT_MS);
  if (code === 0 && !timedOut) return outcomeOf([], stdout.trimEnd().split('\n').at(-1) ?? '');
  return outcomeOf([timedOut ? `${output}\nended after its time limit` : output], '');
}

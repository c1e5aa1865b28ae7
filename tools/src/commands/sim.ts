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

const FRESH_SECONDS = 90;
const FRESH_TIMEOUT_MS = 300_000;
const MAX_SEED = 2 ** 31;

/** Simulates clusters from seeds that nobody has run before, for a while; one that fails is simplified, and told with the command that repeats it. */
export async function freshSeeds(root: string): Promise<Outcome> {
  const seed = Date.now() % MAX_SEED;
  const args = ['--seed', String(seed), '--runs', '100000', '--seconds', String(FRESH_SECONDS), '--first'];
  const { code, output, stdout, timedOut } = await keepFromSources(root, 'sim', args, FRESH_TIMEOUT_MS);
  const summary = `from seed ${seed}: ${stdout.trimEnd().split('\n').at(-1) ?? ''}`;
  if (code === 0 && !timedOut) return outcomeOf([], summary);
  return outcomeOf([timedOut ? `${output}\nended after its time limit` : output], summary);
}

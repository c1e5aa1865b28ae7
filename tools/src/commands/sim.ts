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

const SECONDS = 60;
const TIMEOUT_MS = 300_000;
const MAX_SEED = 2 ** 31;

/**
 * Simulates clusters for a while; a run that fails is simplified, and told with the command that repeats it. Here from seeds that nobody has run
 * before; on CI, which judges a commit and must judge it alike twice, always from the first.
 */
export async function simulatorSeeds(root: string, { onCi }: { readonly onCi: boolean }): Promise<Outcome> {
  const seed = onCi ? 1 : Date.now() % MAX_SEED;
  const args = ['--seed', String(seed), '--runs', '100000', '--seconds', String(SECONDS), '--first'];
  const { code, output, stdout, timedOut } = await keepFromSources(root, 'sim', args, TIMEOUT_MS);
  const summary = `from seed ${seed}: ${stdout.trimEnd().split('\n').at(-1) ?? ''}`;
  if (code === 0 && !timedOut) return outcomeOf([], summary);
  return outcomeOf([timedOut ? `${output}\nended after its time limit` : output], summary);
}

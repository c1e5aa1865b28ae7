import { createHash } from 'node:crypto';
import { keepFromSources, runFromSources } from '../from-sources.ts';
import { build } from '../nx.ts';
import { joinOutcomes, type Outcome, outcomeOf } from '../outcome.ts';
import { run } from '../process.ts';
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

/** These were run before, and broke nothing. The corpus of seeds that once found a bug is among the tests of the testkit. */
const KNOWN_SEEDS = { first: 20_000, runs: 75 } as const;
const FRESH_RUNS = 100;
/** Of both, each: on a machine that is slow fewer are run. */
const SECONDS = 80;
const TIMEOUT_MS = 200_000;
const HIGHEST_FRESH_SEED = 2 ** 31;

/** Simulates clusters from known seeds and from fresh ones; a run that fails is simplified, and told with the command that repeats it. */
export async function simulatorSeeds(root: string): Promise<Outcome> {
  const outcomes: Outcome[] = [];
  for (const { first, runs } of [KNOWN_SEEDS, { first: await freshSeed(root), runs: FRESH_RUNS }]) {
    const args = ['--seed', first, '--runs', runs, '--seconds', SECONDS, '--first'].map(String);
    const { code, output, stdout, timedOut } = await keepFromSources(root, 'sim', args, TIMEOUT_MS);
    const passed = code === 0 && !timedOut;
    const problems = passed ? [] : [timedOut ? `${output}\nended after its time limit` : output];
    outcomes.push(outcomeOf(problems, `seeds ${first}..: ${stdout.trimEnd().split('\n').at(-1) ?? ''}`));
  }
  return joinOutcomes(outcomes, outcomes.map(({ summary }) => summary).join('; '));
}

/**
 * Seeds that no other commit has run. They follow from what the commit holds, so that it is judged alike twice, on every machine; outside of a
 * git checkout they follow from the day.
 */
async function freshSeed(root: string): Promise<number> {
  const asked = run('git', ['rev-parse', 'HEAD^{tree}'], { cwd: root, timeoutMs: 10_000 });
  const tree = await asked.catch(() => undefined); // no git on this machine
  const text = tree?.code === 0 ? tree.stdout.trim() : new Date().toISOString().slice(0, 10);
  return createHash('sha256').update(text).digest().readUInt32BE() % HIGHEST_FRESH_SEED;
}

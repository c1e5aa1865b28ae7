import { spawnSync } from 'node:child_process';
import { type Mutant, mutants } from './mutants.ts';

/** What it took to find a planted bug. */
export interface MutantFound {
  readonly mutant: Mutant;
  /** Runs until the first that failed; undefined: none did. */
  readonly seeds: number | undefined;
  readonly invariants: string;
}

const OUTPUT_BYTES = 64 * 1024 * 1024;

/** Plants each bug, one at a time, in a process of its own, and simulates until an invariant breaks. */
export function* findMutants(options: { only: string; runs: number; seconds: number }): Generator<MutantFound> {
  const { only, runs, seconds } = options;
  for (const mutant of mutants.filter(({ name }) => name.includes(only))) {
    const limits = [
      '--seed',
      '1',
      '--runs',
      String(runs),
      '--seconds',
      String(seconds),
      '--shrink',
      '0',
      '--jobs',
      '1',
      '--first',
    ];
    const args = [...process.execArgv, process.argv[1]!, ...limits, '--scenario', mutant.scenario];
    const env = { ...process.env, RINGFORT_SIM_MUTANT: JSON.stringify(mutant) };
    const { stdout, stderr, status } = spawnSync(process.execPath, args, {
      env,
      encoding: 'utf8',
      maxBuffer: OUTPUT_BYTES,
    });
    const found = /seed (\d+) breaks (.*); simplifying/.exec(stdout);
    if (found === null && status !== 0)
      throw new Error(`${mutant.name}: the simulator ended with ${status}\n${stderr}`);
    yield { mutant, seeds: found === null ? undefined : Number(found[1]), invariants: found?.[2] ?? '' };
  }
}

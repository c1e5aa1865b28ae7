import { runFromSources } from '../from-sources.ts';

/** @returns the exit code: 1 when an invariant was broken */
export function sim(root: string, args: readonly string[], tell: (line: string) => void): Promise<number> {
  return runFromSources(root, 'sim', args, tell);
}

/** @returns the exit code: 1 when an input did what none may do */
export function fuzz(root: string, args: readonly string[], tell: (line: string) => void): Promise<number> {
  return runFromSources(root, 'fuzz', args, tell);
}

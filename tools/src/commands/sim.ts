import { runFromSources } from '../from-sources.ts';
import { build } from '../nx.ts';
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

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lockfileProblems, topLevelProblems } from '../layout-core.ts';
import { joinOutcomes, type Outcome, outcomeOf } from '../outcome.ts';
import { readManifest, readProjects } from '../workspace.ts';

/** Checks the top level of the repository and its lockfile: two checks. */
export function checkLayout(root: string): Outcome {
  const gitignore = readFileSync(join(root, '.gitignore'), 'utf8');
  const topLevel = topLevelProblems(readdirSync(root), gitignore);
  const stated = [
    { dir: '', ...readManifest(join(root, 'package.json')) },
    ...readProjects(root).map(({ dir, manifest }) => ({ dir, ...manifest })),
  ];
  const lockfile = lockfileProblems(readFileSync(join(root, 'package-lock.json'), 'utf8'), stated);
  return joinOutcomes([outcomeOf(topLevel, 'top level'), outcomeOf(lockfile, 'lockfile')], 'top level, lockfile');
}

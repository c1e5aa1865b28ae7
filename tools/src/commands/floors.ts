import { join } from 'node:path';
import { floorViolations } from '../floors-core.ts';
import { readFacts } from '../imports.ts';
import { type Outcome, outcomeOf } from '../outcome.ts';
import { readManifest } from '../workspace.ts';

/** Checks the floors of the whole workspace: one check. */
export function checkFloors(root: string): Outcome {
  const { devDependencies } = readManifest(join(root, 'package.json'));
  const facts = readFacts(root);
  const violations = floorViolations(facts, Object.keys(devDependencies));
  const files = facts.reduce((sum, each) => sum + each.files.length, 0);
  return outcomeOf(violations, `${facts.length} projects, ${files} files`);
}

import { join } from 'node:path';
import { floorViolations } from '../floors-core.ts';
import { readFacts } from '../imports.ts';
import { joinOutcomes, type Outcome, outcomeOf } from '../outcome.ts';
import { readManifest } from '../workspace.ts';
import { checkAmbient } from './ambient.ts';

/** Checks the floors of the whole workspace, and that what is simulated stands on nothing but them: two checks. */
export function checkFloors(root: string): Outcome {
  const { devDependencies } = readManifest(join(root, 'package.json'));
  const facts = readFacts(root);
  const violations = floorViolations(facts, Object.keys(devDependencies));
  const files = facts.reduce((sum, each) => sum + each.files.length, 0);
  const floors = outcomeOf(violations, `${facts.length} projects, ${files} files`);
  const ambient = checkAmbient(root);
  return joinOutcomes([floors, ambient], `${floors.summary}; real time and randomness: ${ambient.summary}`);
}

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { mutants } from '../../sim/mutants.ts';
import { scenarios } from '../../sim/plan.ts';

const root = join(import.meta.dirname, '../../../..');
/** Compiled anew, beside what `npm run sim` may be running from. */
const cache = 'ringfort-sim-mutants';
const output = join(root, 'node_modules/.cache', cache);
const PATIENCE_MS = 240_000;

function node(...args: readonly string[]) {
  return spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', timeout: PATIENCE_MS });
}

const simulator = (...args: readonly string[]) => {
  const loader = `${pathToFileURL(join(root, 'packages/testkit/sim/source-loader.mjs'))}?cache=${cache}`;
  return node('--import', loader, join(output, 'packages/testkit/sim/main.js'), ...args);
};

describe('planted bugs', () => {
  beforeAll(() => {
    const project = join(root, 'packages/testkit/tsconfig.sim.json');
    // Errors of types are told by the type check.
    node(join(root, 'node_modules/typescript/bin/tsc'), '-p', project, '--noCheck', '--outDir', output);
    writeFileSync(join(output, 'package.json'), '{ "type": "module" }\n');
  }, PATIENCE_MS);

  it.each(mutants.map((mutant) => [mutant.name, mutant] as const))('%s: still applies', (_, mutant) => {
    expect(readFileSync(join(output, mutant.file), 'utf8').includes(mutant.find), mutant.find).toBe(true);
    expect(Object.keys(scenarios)).toContain(mutant.scenario);
  });

  it('are at least twenty, each told apart by its name', () => {
    expect(mutants.length).toBeGreaterThanOrEqual(20);
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });

  it.each(['a malformed context', 'the limit of siblings'])(
    'are found: %s',
    (name) => {
      const { stdout, status } = simulator('--mutants', name, '--runs', '20', '--seconds', '120');
      expect(stdout).toMatch(/^\| .* \| \d+ \| S[47]/m);
      expect(status).toBe(0);
    },
    PATIENCE_MS,
  );

  it(
    'that do not apply any more are told, not counted as not found',
    () => {
      const gone = { ...mutants[0]!, find: 'no such text' };
      const loader = `${pathToFileURL(join(root, 'packages/testkit/sim/source-loader.mjs'))}?cache=${cache}`;
      const { status, stderr } = spawnSync(
        process.execPath,
        ['--import', loader, join(output, 'packages/testkit/sim/main.js'), '--runs', '1', '--jobs', '1'],
        { cwd: root, encoding: 'utf8', env: { ...process.env, RINGFORT_SIM_MUTANT: JSON.stringify(gone) } },
      );
      expect(status).not.toBe(0);
      expect(stderr).toContain('has no such place: no such text');
    },
    PATIENCE_MS,
  );
});

import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { mutants } from '../../sim/mutants.ts';
import { drawPlan } from '../../sim/plan.ts';
import { simulate } from '../../sim/simulate.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const loader = pathToFileURL(join(root, 'packages/testkit/sim/source-loader.mjs')).href;
/** Of its own: who simulates at the same time compiles into another. */
const cache = 'ringfort-sim-test';
const output = join(root, 'node_modules/.cache', cache);
const compiled = join(output, 'packages/testkit/sim/main.js');
const TIMEOUT_MS = 120_000;
const SEED = 6;
const REQUESTS = 30;

interface Place {
  /** Of node itself. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** The simulator in a process of its own, in some place. */
function simulator(
  args: readonly string[],
  { flags = [], env = {}, cwd = root }: Place = {},
): SpawnSyncReturns<string> {
  const all = [...flags, '--enable-source-maps', '--import', `${loader}?cache=${cache}`, compiled, ...args];
  return spawnSync(process.execPath, all, { cwd, env: { ...process.env, ...env }, encoding: 'utf8' });
}

beforeAll(() => {
  const project = join(root, 'packages/testkit/tsconfig.sim.json');
  // Errors of types are told by the type check.
  const tsc = [join(root, 'node_modules/typescript/bin/tsc'), '-p', project, '--noCheck', '--outDir', output];
  const { status, stdout } = spawnSync(process.execPath, tsc, { encoding: 'utf8' });
  expect([status, stdout]).toEqual([0, '']);
  writeFileSync(join(output, 'package.json'), '{ "type": "module" }\n');
}, TIMEOUT_MS);

describe('a seed', () => {
  const oneRun = ['--seed', String(SEED), '--runs', '1', '--scenario', 'default', '--requests', String(REQUESTS)];
  const digestIn = ({ stdout, stderr }: SpawnSyncReturns<string>) => /sha256 (\w+)/.exec(stdout)?.[1] ?? stderr;
  const elsewhere: Place = {
    flags: ['--hash-seed=7', '--random-seed=11'],
    env: { TZ: 'Pacific/Chatham', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8', RINGFORT_OTHER: 'x' },
    cwd: tmpdir(),
  };
  const places: readonly (readonly [about: string, place: Place])[] = [
    ['compiled by another compiler', {}],
    ['with other hash seeds, time zone, language, variables, folder', elsewhere],
    ['with little memory and no optimised code', { flags: ['--max-semi-space-size=1', '--no-opt', '--no-sparkplug'] }],
  ];
  let expected = '';

  beforeAll(async () => {
    expected = (await simulate({ ...drawPlan(SEED, 'default'), maxRequests: REQUESTS })).digest;
  }, TIMEOUT_MS);

  it.each(places)(
    'gives the same event log in another process, %s',
    (_about, place) => {
      expect(digestIn(simulator(oneRun, place))).toBe(expected);
    },
    TIMEOUT_MS,
  );
});

describe('the report of a failing run', () => {
  const planted = mutants.find(({ name }) => name === 'a blind put overwrites what is there')!;
  const env = { RINGFORT_SIM_MUTANT: JSON.stringify(planted) };

  it(
    'names the seed and what broke, draws how it came to it, and gives the command that shows it again',
    () => {
      const { stdout, stderr, status } = simulator(
        ['--seed', '1', '--runs', '1', '--scenario', 'calm', '--requests', '30', '--shrink', '30'],
        { env },
      );
      expect([status, stderr]).toEqual([1, '']);
      expect(stdout).toMatch(/^FAILED {2}seed 1, scenario calm, commit /m);
      const [, key, lost] = /S1 {2}(k\d): (\S+) was acknowledged, and is neither there/.exec(stdout)!;
      // In the diagram: the put of the lost value, the write to the other replicas, the answer.
      expect(stdout).toMatch(new RegExp(`\\|-+>\\|.* put ${key}=${lost} blind`));
      expect(stdout).toMatch(new RegExp(`\\|-+>\\|.* write ${key} \\{.*=${lost}`));
      expect(stdout).toMatch(new RegExp(`\\* .* ${lost} of ${key} ok`));
      const again = /again: npm run sim -- (.*)/.exec(stdout)![1]!;
      expect(again).toMatch(/^--seed 1 --runs 1 --scenario calm .*--requests \d\b/);
      const replayed = simulator([...again.split(' '), '--shrink', '0'], { env });
      expect(replayed.status).toBe(1);
      // The very same run: the same write is lost in the same way.
      const account = (text: string) => text.slice(text.indexOf('\n  S1 '), text.indexOf('  again:'));
      expect(account(replayed.stdout)).toBe(account(stdout));
    },
    TIMEOUT_MS,
  );
});

import { expect, test } from 'vitest';
import { runSteps, type Step } from '../src/commands/test.ts';
import { failedProjects } from '../src/commands/unit-tests.ts';
import { ToolError } from '../src/errors.ts';
import { outcomeOf } from '../src/outcome.ts';
import { sumResults, type VitestResults } from '../src/vitest-results.ts';

async function outputOf(steps: readonly Step[]): Promise<{ lines: string[]; code: number }> {
  let text = '';
  const code = await runSteps(steps, (more) => {
    text += more;
  });
  return { lines: text.trimEnd().split('\n'), code };
}

test('the last line sums checks and test cases', async () => {
  const many = { passed: 41, failed: 0, summary: '', problems: [] };
  const { lines, code } = await outputOf([
    { name: 'one', run: () => outcomeOf([], '') },
    { name: 'many', run: async () => many },
  ]);
  expect(lines).toHaveLength(3);
  expect(lines.at(-1)).toBe('42 passed, 0 failed');
  expect(code).toBe(0);
});

test('a failing step shows its output, later steps still run, the exit code is not 0', async () => {
  const { lines, code } = await outputOf([
    { name: 'bad', run: () => outcomeOf(['what went wrong'], '') },
    { name: 'good', run: () => outcomeOf([], '') },
  ]);
  expect(lines[0]).toBe('what went wrong');
  expect(lines.at(-1)).toBe('1 passed, 1 failed');
  expect(code).toBe(1);
});

test('a step that throws, and one whose needs failed, count as failures', async () => {
  const { lines } = await outputOf([
    {
      name: 'build',
      run: () => {
        throw new ToolError('X', 'cannot build');
      },
    },
    { name: 'packages', needs: ['build'], run: () => outcomeOf([], '') },
  ]);
  expect(lines).toContain('cannot build');
  expect(lines).toContain('packages was not run, because build failed');
  expect(lines.at(-1)).toBe('0 passed, 2 failed');
});

const summing = { name: 'bus', endedWell: true, skippedFails: true, root: '/w' };

function results(statuses: readonly string[], file: { status: string; message: string }): VitestResults {
  const assertionResults = statuses.map((status, place) => ({
    fullName: `t${place}`,
    status,
    failureMessages: ['why'],
  }));
  return { testResults: [{ name: '/w/a.test.ts', ...file, assertionResults }] };
}

const good = { status: 'passed', message: '' };

test.each([
  ['all passed', results(['passed', 'passed'], good), summing, 2, 0],
  ['one failed', results(['passed', 'failed'], { status: 'failed', message: '' }), summing, 1, 1],
  ['a skipped test on CI', results(['passed', 'skipped'], good), summing, 1, 1],
  ['a skipped test elsewhere', results(['passed', 'skipped'], good), { ...summing, skippedFails: false }, 1, 0],
  ['only skipped tests elsewhere', results(['skipped'], good), { ...summing, skippedFails: false }, 0, 1],
  ['a file that does not load', results([], { status: 'failed', message: 'no such import' }), summing, 0, 1],
  ['no test at all', { testResults: [] }, summing, 0, 1],
  ['no results', undefined, summing, 0, 1],
  ['an error outside of any test', results(['passed'], good), { ...summing, endedWell: false }, 1, 1],
] as const)('%s', (_, input, how, passed, failed) => {
  expect(sumResults(input as VitestResults | undefined, how)).toMatchObject({ passed, failed });
});

test('Nx names the projects that failed', () => {
  const output = ' NX   Running target test failed\n\nFailed tasks:\n\n- @ringfort/bus:test\n- @ringfort/ring:build\n';
  expect([...failedProjects(output, 'test')]).toEqual(['@ringfort/bus']);
});

import { expect, test } from 'vitest';
import { lockfileProblems, topLevelProblems } from '../src/layout-core.ts';

const whole = [
  'README.md',
  'LICENSE',
  'package.json',
  'package-lock.json',
  'nx.json',
  'tsconfig.base.json',
  '.ci',
  'docs',
];

test('the agreed entries, dotfiles and what git ignores may lie at the top level', () => {
  expect(
    topLevelProblems([...whole, '.biome.json', 'node_modules', 'x.cpuprofile'], 'node_modules/\n*.cpuprofile\n'),
  ).toEqual([]);
});

test('anything else is named, and what is missing too', () => {
  const entries = [...whole.filter((name) => name !== 'LICENSE'), 'vitest.shared.ts'];
  const problems = topLevelProblems(entries, '');
  expect(problems).toHaveLength(2);
  expect(problems[0]).toContain('vitest.shared.ts does not belong');
  expect(problems[1]).toBe('LICENSE is missing');
});

test('a lockfile with a resolved URL, or a package without integrity, is refused', () => {
  const lock = (packages: object) => lockfileProblems(JSON.stringify({ packages }), []);
  expect(
    lock({ 'node_modules/a': { integrity: 'sha512-x' }, 'node_modules/b': { resolved: 'packages/b', link: true } }),
  ).toEqual([]);
  expect(lock({ 'node_modules/a': { integrity: 'sha512-x', resolved: 'https://host/a.tgz' } })).toHaveLength(1);
  expect(lock({ 'node_modules/a': {} })).toHaveLength(1);
});

test('a lockfile that is behind a package.json is refused', () => {
  const text = JSON.stringify({ packages: { 'packages/x': { dependencies: { zod: '^4.0.0' } } } });
  const stated = (dependencies: Record<string, string>) => [{ dir: 'packages/x', dependencies, devDependencies: {} }];
  expect(lockfileProblems(text, stated({ zod: '^4.0.0' }))).toEqual([]);
  expect(lockfileProblems(text, stated({ zod: '^4.1.0' }))[0]).toContain('behind packages/x/package.json');
  expect(lockfileProblems(text, stated({}))).toHaveLength(1);
  expect(lockfileProblems(text, [{ dir: 'packages/new', dependencies: { a: '1' }, devDependencies: {} }])).toHaveLength(
    1,
  );
});

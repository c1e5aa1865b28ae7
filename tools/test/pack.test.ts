import { join } from 'node:path';
import { expect, test } from 'vitest';
import { consumerSource, firstExample, tarballProblems } from '../src/pack-core.ts';
import { readManifest } from '../src/workspace.ts';
import { writeTree } from './workspace-fixture.ts';

test('the first ts block of a README is its example', () => {
  const readme = ['# x', '```sh', 'npm i', '```', '```ts', 'const a = `1`;', '', 'a;', '```', '```ts', 'second', '```'];
  expect(firstExample(readme.join('\n'))).toBe('const a = `1`;\n\na;\n');
  expect(firstExample('# x\n```tsx\nno\n```\n')).toBeUndefined();
  expect(firstExample('# no example')).toBeUndefined();
});

const shape = {
  name: '@ringfort/x',
  exports: {
    '.': { types: './dist/index.d.ts', default: './dist/index.js' },
    './contract': { types: './dist/contract.d.ts', default: './dist/contract.js' },
    './package.json': './package.json',
  },
  bin: { x: './dist/main.js' },
};
const files = ['LICENSE', 'README.md', 'package.json', 'dist/index.js', 'dist/index.d.ts', 'dist/contract.js'];
const whole = [...files, 'dist/contract.d.ts', 'dist/main.js'];

function manifestOf(content: object) {
  return readManifest(join(writeTree({ 'package.json': JSON.stringify(content) }), 'package.json'));
}

test('a whole tarball has no problems', () => {
  expect(tarballProblems(manifestOf(shape), whole)).toEqual([]);
});

test.each(whole)('a tarball without %s is refused', (missing) => {
  const problems = tarballProblems(
    manifestOf(shape),
    whole.filter((file) => file !== missing),
  );
  expect(problems.join('\n')).toContain(missing);
});

test('an entry without types, and stray files, are refused', () => {
  const untyped = { ...shape, exports: { '.': { default: './dist/index.js' } } };
  expect(tarballProblems(manifestOf(untyped), whole)).toEqual(['exports["."] has no types']);
  expect(tarballProblems(manifestOf(shape), [...whole, 'test/a.test.ts', 'x.tsbuildinfo'])).toHaveLength(2);
});

test('the consumer imports every entry that has code', () => {
  expect(consumerSource([manifestOf(shape)])).toBe(
    [
      `import * as entry0 from '@ringfort/x';`,
      `import * as entry1 from '@ringfort/x/contract';`,
      'export const entries = [entry0, entry1];',
      '',
    ].join('\n'),
  );
});

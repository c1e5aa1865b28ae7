import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkFloors } from '../src/commands/floors.ts';
import { shortestCycles } from '../src/graph-core.ts';
import { importsOf } from '../src/imports.ts';
import { manifest, type PackageShape, writeTree } from './workspace-fixture.ts';

const ring = '@ringfort/ring';
const bus = '@ringfort/bus';
const storage = '@ringfort/storage';
const testkit = '@ringfort/testkit';
const natsServer = '@ringfort/nats-server';

/** A small workspace: ring and bus on floor 0, storage on 1, node on 3, testkit and nats-server beside. */
function problemsOf(
  files: Record<string, string>,
  shapes: Partial<Record<'ring' | 'storage' | 'node', Partial<PackageShape>>> = {},
) {
  const all = { [ring]: '0.1.0', [bus]: '0.1.0' };
  const beside = { [testkit]: '0.1.0' };
  const root = writeTree({
    'package.json': JSON.stringify({ name: 'root', devDependencies: { vitest: '4' } }),
    'packages/ring/package.json': manifest(ring, { floor: '0', dependencies: { [bus]: '0.1.0' }, ...shapes.ring }),
    'packages/bus/package.json': manifest(bus, { floor: '0' }),
    'packages/storage/package.json': manifest(storage, {
      floor: '1',
      dependencies: all,
      devDependencies: beside,
      ...shapes.storage,
    }),
    'packages/testkit/package.json': manifest(testkit, {
      floor: 'support',
      private: true,
      dependencies: { [bus]: '1' },
    }),
    'packages/nats-server/package.json': manifest(natsServer, { floor: 'support' }),
    'apps/node/package.json': manifest('@ringfort/node', {
      floor: '3',
      dependencies: { ...all, [storage]: '0.1.0', [natsServer]: '0.1.0' },
      ...shapes.node,
    }),
    ...files,
  });
  return checkFloors(root).problems;
}

describe('imports between packages', () => {
  test('downward, a sibling contract, and support for an app are allowed', () => {
    const files = {
      'packages/ring/src/a.ts': `import { x } from '${bus}/contract';`,
      'packages/storage/src/a.ts': `import { x } from '${ring}';\nexport * from '${bus}';`,
      'apps/node/src/a.ts': `import '${storage}'; import '${natsServer}';`,
      'packages/storage/test/a.test.ts': `import 'vitest'; import '${testkit}'; import '${storage}';`,
    };
    expect(problemsOf(files)).toEqual([]);
  });

  test('the simulator imports any package unlisted, and parts that one does not export; nothing else does', () => {
    const text = `import { x } from '${storage}';\nimport { y } from '../../storage/src/a.ts';`;
    const parts = { 'packages/storage/src/a.ts': 'export const y = 1;' };
    expect(problemsOf({ ...parts, 'packages/testkit/sim/a.ts': text })).toEqual([]);
    expect(problemsOf({ ...parts, 'packages/testkit/src/a.ts': text })).toHaveLength(2);
    expect(problemsOf({ ...parts, 'packages/testkit/test/a.ts': text })).toHaveLength(2);
  });

  test('upward is refused, naming both files', () => {
    const problems = problemsOf(
      { 'packages/ring/src/deep/a.ts': `\nimport type { Store } from '${storage}';` },
      { ring: { dependencies: { [storage]: '0.1.0' } }, storage: { dependencies: {} } },
    );
    expect(problems).toEqual([
      `packages/ring/package.json depends on packages/storage/package.json (${storage}): upward, from floor 0 to floor 1`,
      `packages/ring/src/deep/a.ts:2 imports packages/storage/src/index.ts (${storage}): upward, from floor 0 to floor 1`,
    ]);
  });

  test('upward is refused in tests too', () => {
    const files = { 'packages/ring/test/a.test.ts': `import '${storage}';` };
    expect(problemsOf(files).join()).toContain('upward, from a test on floor 0 to floor 1');
  });

  test('a sibling is refused except through its contract', () => {
    expect(problemsOf({ 'packages/ring/src/a.ts': `import '${bus}';` })).toEqual([
      `packages/ring/src/a.ts:1 imports packages/bus/src/index.ts (${bus}): sideways on floor 0: siblings import only each other's ./contract`,
    ]);
  });

  test.each([
    ['packages/storage/src/a.ts', testkit, 'is for tests and benches'],
    ['packages/storage/src/a.ts', natsServer, 'only apps (floor 3)'],
    ['packages/nats-server/src/a.ts', bus, 'may import only npm packages'],
    ['packages/testkit/src/a.ts', storage, `may import only ${bus}, ${natsServer}`],
    ['packages/storage/src/a.ts', storage, 'import by relative path'],
    ['packages/storage/src/a.ts', '../../ring/src/index.ts', 'must not leave packages/storage'],
    ['packages/storage/src/a.ts', '../test/helper.ts', 'src is published without it'],
    ['packages/storage/src/a.ts', 'vitest', 'does not list it in dependencies'],
    ['packages/storage/test/a.test.ts', 'left-pad', 'does not list it in dependencies or devDependencies'],
  ])('%s must not import %s', (file, specifier, reason) => {
    const problems = problemsOf({ [file]: `import '${specifier}';` });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`${file}:1 imports `);
    expect(problems[0]).toContain(reason);
  });

  test('packages that depend on each other are told as a cycle', () => {
    const problems = problemsOf({}, { ring: { devDependencies: { [testkit]: '1', [storage]: '1' } } });
    expect(problems.at(-1)).toBe(
      'dependency cycle: packages/ring/package.json -> packages/storage/package.json -> packages/ring/package.json',
    );
  });
});

describe('imports between files of a package', () => {
  test('a cycle is told once, with its files', () => {
    const files = {
      'packages/bus/src/a.ts': `import './b.ts';`,
      'packages/bus/src/b.ts': `export * from './c.ts';`,
      'packages/bus/src/c.ts': `import type { A } from './a.ts';`,
      'packages/bus/src/d.ts': `import './a.ts';`,
    };
    const [a, b, c] = ['a', 'b', 'c'].map((name) => `packages/bus/src/${name}.ts`);
    expect(problemsOf(files)).toEqual([`import cycle: ${a} -> ${b} -> ${c} -> ${a}`]);
  });

  test('a cycle found starts and ends at one node, over edges of the graph, and an acyclic graph has none', () => {
    const edges = fc.array(fc.tuple(fc.nat(7), fc.nat(7)), { maxLength: 20 });
    fc.assert(
      fc.property(edges, (pairs) => {
        const graph = graphOf(pairs);
        for (const cycle of shortestCycles(graph)) {
          cycle.forEach((node, place) => {
            expect(graph.get(node)).toContain(cycle[(place + 1) % cycle.length]);
          });
        }
        expect(shortestCycles(graphOf(pairs.filter(([from, to]) => from < to)))).toEqual([]);
      }),
    );
  });
});

function graphOf(pairs: readonly (readonly [number, number])[]): Map<string, string[]> {
  const graph = new Map<string, string[]>();
  for (const [from, to] of pairs) graph.set(`${from}`, [...(graph.get(`${from}`) ?? []), `${to}`]);
  return graph;
}

test('every way to import is seen, with its line', () => {
  const text = [
    `import a from 'a';`,
    `import type { B } from 'b';`,
    `export { c } from 'c';`,
    `export * from 'd';`,
    `const e = await import('e');`,
    `let f: import('f').F;`,
    `const g = require('g');`,
    `// import 'not-this';`,
    `const s = "import 'nor-this'";`,
  ].join('\n');
  const found = importsOf('x.ts', text).map(({ specifier, line }) => `${specifier}${line}`);
  expect(found.sort()).toEqual(['a1', 'b2', 'c3', 'd4', 'e5', 'f6', 'g7']);
});

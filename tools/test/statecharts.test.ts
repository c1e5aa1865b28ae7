import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createMachine } from 'xstate';
import { compareWithFolder, findMachines, pagesOf } from '../src/commands/statecharts.ts';
import { type ExportedMachine, isMachine, machinePage, pageName } from '../src/statechart-core.ts';
import { deliveryMachine } from './fixtures/machines.ts';
import { manifest, writeTree } from './workspace-fixture.ts';

const exported = (exportName: string, machine: ExportedMachine['machine']): ExportedMachine => ({
  packageName: '@ringfort/bus',
  packageDir: 'packages/bus',
  exportName,
  machine,
});

test('a page shows states, transitions, guards, actions, delays and invocations', async () => {
  const page = machinePage(exported('deliveryMachine', deliveryMachine));
  await expect(page).toMatchFileSnapshot('./fixtures/bus-delivery.golden');
});

test('a state called like a word of Mermaid gets another id and keeps its name', () => {
  const machine = createMachine({ initial: 'note', states: { note: { on: { go: 'end' } }, end: {} } });
  const page = machinePage(exported('xMachine', machine));
  expect(page).toContain('state "note" as note_\n');
  expect(page).toContain('note_ --> end_ : go');
});

test('two transitions between the same states share an arrow', () => {
  const machine = createMachine({ initial: 'a', states: { a: { on: { x: 'b', y: 'b' } }, b: {} } });
  expect(machinePage(exported('xMachine', machine))).toContain('a --> b : x<br/>y\n');
});

test('pages are named after package and export', () => {
  expect(pageName(exported('peerDetectorMachine', deliveryMachine))).toBe('bus-peer-detector.md');
  expect(pageName(exported('busMachine', deliveryMachine))).toBe('bus.md');
});

test('a machine is told from whatever else a package exports', () => {
  const others = [undefined, null, 1, 'x', () => {}, {}, { root: { states: {} } }, deliveryMachine.root];
  expect(others.filter(isMachine)).toEqual([]);
  expect(isMachine(deliveryMachine)).toBe(true);
});

test('stale, missing and orphaned pages are told', () => {
  const pages = pagesOf([exported('aMachine', deliveryMachine), exported('bMachine', deliveryMachine)]);
  const root = writeTree({
    'README.md': pages.get('README.md') ?? '',
    'bus-a.md': 'old',
    'bus-gone.md': 'x',
    'notes.txt': 'not a page',
  });
  expect(compareWithFolder(pages, root).map((line) => line.split(':')[0])).toEqual([
    'docs/statecharts/bus-a.md is stale',
    'docs/statecharts/bus-b.md is missing',
    'docs/statecharts/bus-gone.md belongs to no machine',
  ]);
});

test('machines are found in built packages, each once, and a package that is not built is named', async () => {
  const xstate = JSON.stringify(import.meta.resolve('xstate'));
  const root = writeTree({
    'packages/bus/package.json': manifest('@ringfort/bus', { floor: '0' }),
    'packages/bus/dist/index.js': `import { createMachine } from ${xstate};
      export const m = createMachine({ id: 'm', states: {} });
      export const again = m;
      export const other = 1;`,
    'packages/bus/dist/package.json': '{ "type": "module" }',
  });
  const found = await findMachines(root);
  expect(found.map((each) => [each.packageName, each.exportName, each.machine.id])).toEqual([
    ['@ringfort/bus', 'again', 'm'],
  ]);
  const unbuilt = writeTree({ 'packages/ring/package.json': manifest('@ringfort/ring', { floor: '0' }) });
  await expect(findMachines(join(unbuilt))).rejects.toThrow('packages/ring is not built');
});

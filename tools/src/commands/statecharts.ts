import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ToolError } from '../errors.ts';
import { type Outcome, outcomeOf } from '../outcome.ts';
import { type ExportedMachine, indexPage, isMachine, machinePage, pageName } from '../statechart-core.ts';
import { readProjects } from '../workspace.ts';

const folder = 'docs/statecharts';

/** Loads every package and app as it was built and gathers the machines that its main entry exports. */
export async function findMachines(root: string): Promise<ExportedMachine[]> {
  const found: ExportedMachine[] = [];
  const seen = new Set<unknown>();
  for (const { name, dir, floor } of readProjects(root)) {
    if (floor === 'tools') continue;
    const entry = join(root, dir, 'dist', 'index.js');
    if (!existsSync(entry)) throw new ToolError('NOT_BUILT', `${dir} is not built: run npm run build`);
    for (const [exportName, value] of Object.entries(await load(entry, dir)).sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (!isMachine(value) || seen.has(value)) continue;
      seen.add(value);
      found.push({ packageName: name, packageDir: dir, exportName, machine: value });
    }
  }
  return found;
}

async function load(entry: string, dir: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(entry).href)) as Record<string, unknown>;
  } catch (cause) {
    throw new ToolError('CANNOT_LOAD', `${dir} cannot be loaded: ${(cause as Error).message}`, { cause });
  }
}

/** All pages by file name, the index among them. */
export function pagesOf(machines: readonly ExportedMachine[]): Map<string, string> {
  const pages = new Map([['README.md', indexPage(machines)]]);
  for (const machine of machines) {
    const name = pageName(machine);
    if (pages.has(name)) throw new ToolError('SAME_PAGE', `two machines would be written to ${folder}/${name}`);
    pages.set(name, machinePage(machine));
  }
  return pages;
}

/** What differs between the pages as they should be and the folder: stale, missing, or of no machine. */
export function compareWithFolder(pages: ReadonlyMap<string, string>, dir: string): string[] {
  const there = existsSync(dir) ? readdirSync(dir).filter((name) => name.endsWith('.md')) : [];
  const problems: string[] = [];
  for (const [name, text] of pages) {
    if (!there.includes(name)) problems.push(`${folder}/${name} is missing`);
    else if (readFileSync(join(dir, name), 'utf8') !== text) problems.push(`${folder}/${name} is stale`);
  }
  for (const name of there.sort()) if (!pages.has(name)) problems.push(`${folder}/${name} belongs to no machine`);
  return problems.map((problem) => `${problem}: run npm run tools -- statecharts`);
}

/** Checks, or writes, the pages of all machines: one check. */
export async function statecharts(root: string, mode: 'check' | 'write'): Promise<Outcome> {
  const machines = await findMachines(root);
  const pages = pagesOf(machines);
  const dir = join(root, folder);
  if (mode === 'check') return outcomeOf(compareWithFolder(pages, dir), `${machines.length} machines`);
  mkdirSync(dir, { recursive: true });
  for (const name of readdirSync(dir)) if (name.endsWith('.md') && !pages.has(name)) rmSync(join(dir, name));
  for (const [name, text] of pages) writeFileSync(join(dir, name), text);
  return outcomeOf([], `${machines.length} machines`);
}

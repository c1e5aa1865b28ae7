import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ToolError } from './errors.ts';
import { type Ran, run, runForeground } from './process.ts';

const compileMs = 120_000;

type Program = 'sim' | 'fuzz';

/** Runs a program of the testkit, made of the sources of all packages as they are now, in the foreground. @returns its exit code */
export async function runFromSources(
  root: string,
  name: Program,
  args: readonly string[],
  tell: (line: string) => void,
): Promise<number> {
  return runForeground(process.execPath, [...(await compiled(root, name, tell)), ...args], root);
}

/** The same, in the background, its output kept. */
export async function keepFromSources(
  root: string,
  name: Program,
  args: readonly string[],
  timeoutMs: number,
): Promise<Ran> {
  const notes: string[] = [];
  const flags = await compiled(root, name, (line) => notes.push(`${line}\n`));
  const ran = await run(process.execPath, [...flags, ...args], { cwd: root, timeoutMs });
  return { ...ran, output: notes.join('') + ran.output };
}

/**
 * Compiles the program into a cache of its own: no package needs to be built.
 * @param name of its folder, of its tsconfig and of the cache
 * @returns how node starts it
 */
async function compiled(root: string, name: Program, tell: (line: string) => void): Promise<string[]> {
  const cache = `ringfort-${name}`;
  const output = join(root, 'node_modules/.cache', cache);
  const project = join(root, `packages/testkit/tsconfig.${name}.json`);
  const tsc = [join(root, 'node_modules/typescript/bin/tsc'), '-p', project];
  const ran = await run(process.execPath, tsc, { cwd: root, timeoutMs: compileMs });
  if (ran.timedOut) throw new ToolError('NOT_COMPILED', `compiling ${name} took too long`);
  // What does not pass the type checker may still run: a package that is being changed must not stop a replay.
  if (ran.code !== 0) tell(`the sources do not compile without errors:\n${ran.output.trim()}`);
  mkdirSync(output, { recursive: true });
  writeFileSync(join(output, 'package.json'), '{ "type": "module" }\n');
  // The node reads its version there.
  cpSync(join(root, 'apps/node/package.json'), join(output, 'apps/node/package.json'));
  const loader = join(root, 'packages/testkit/sim/source-loader.mjs');
  const main = join(output, `packages/testkit/${name}/main.js`);
  return ['--enable-source-maps', '--import', `${pathToFileURL(loader)}?cache=${cache}`, main];
}

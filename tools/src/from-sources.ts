import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ToolError } from './errors.ts';
import { run, runForeground } from './process.ts';

const compileMs = 120_000;

/**
 * Compiles a program of the testkit with the sources of all packages, as they are now, into a cache of its own (no package needs to be built), and
 * runs it in the foreground.
 * @param name of its folder, of its tsconfig and of the cache
 * @returns its exit code
 */
export async function runFromSources(
  root: string,
  name: 'sim' | 'fuzz',
  args: readonly string[],
  tell: (line: string) => void,
): Promise<number> {
  const cache = `ringfort-${name}`;
  const output = join(root, 'node_modules/.cache', cache);
  const project = join(root, `packages/testkit/tsconfig.${name}.json`);
  const tsc = [join(root, 'node_modules/typescript/bin/tsc'), '-p', project];
  const compiled = await run(process.execPath, tsc, { cwd: root, timeoutMs: compileMs });
  if (compiled.timedOut) throw new ToolError('NOT_COMPILED', `compiling ${name} took too long`);
  // What does not pass the type checker may still run: a package that is being changed must not stop a replay.
  if (compiled.code !== 0) tell(`the sources do not compile without errors:\n${compiled.output.trim()}`);
  mkdirSync(output, { recursive: true });
  writeFileSync(join(output, 'package.json'), '{ "type": "module" }\n');
  // The node reads its version there.
  cpSync(join(root, 'apps/node/package.json'), join(output, 'apps/node/package.json'));
  const loader = join(root, 'packages/testkit/sim/source-loader.mjs');
  const main = join(output, `packages/testkit/${name}/main.js`);
  const flags = ['--enable-source-maps', '--import', `${pathToFileURL(loader)}?cache=${cache}`];
  return runForeground(process.execPath, [...flags, main, ...args], root);
}

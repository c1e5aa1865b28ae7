import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ToolError } from '../errors.ts';
import { run, runForeground } from '../process.ts';

const compileMs = 120_000;

/**
 * Compiles the simulator with the sources of all packages, as they are now, into a cache of its own (no package needs to be built), and runs it in
 * the foreground.
 * @returns the exit code: 1 when an invariant was broken
 */
export async function sim(root: string, args: readonly string[], tell: (line: string) => void): Promise<number> {
  const output = join(root, 'node_modules/.cache/ringfort-sim');
  const tsc = [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'packages/testkit/tsconfig.sim.json')];
  const compiled = await run(process.execPath, tsc, { cwd: root, timeoutMs: compileMs });
  if (compiled.timedOut) throw new ToolError('SIM_NOT_COMPILED', 'compiling the simulator took too long');
  // What does not pass the type checker may still run: a package that is being changed must not stop a replay.
  if (compiled.code !== 0) tell(`the sources do not compile without errors:\n${compiled.output.trim()}`);
  mkdirSync(output, { recursive: true });
  writeFileSync(join(output, 'package.json'), '{ "type": "module" }\n');
  const loader = join(root, 'packages/testkit/sim/source-loader.mjs');
  const main = join(output, 'packages/testkit/sim/main.js');
  return runForeground(process.execPath, ['--enable-source-maps', '--import', loader, main, ...args], root);
}

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ToolError } from '../errors.ts';
import { build } from '../nx.ts';
import { run, runForeground } from '../process.ts';
import { setUp } from './setup.ts';

const compileMs = 120_000;

/** Options with which nothing is started. */
const startsNothing = ['--help', '-h', '--list'];

/**
 * Sets up and builds a node, compiles the scenarios of apps/node into a cache of their own, and runs them in the foreground.
 * @returns the exit code: 1 when something was lost, diverged or failed
 */
export async function faults(root: string, args: readonly string[], tell: (line: string) => void): Promise<number> {
  if (!args.some((arg) => startsNothing.includes(arg))) {
    const { natsServer } = await setUp(root, tell);
    if (!natsServer) return 1;
  }
  await build(root, '@ringfort/node');
  const tsc = [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'apps/node/tsconfig.faults.json')];
  const compiled = await run(process.execPath, tsc, { cwd: root, timeoutMs: compileMs });
  if (compiled.code !== 0) {
    throw new ToolError('FAULTS_NOT_COMPILED', 'the scenarios do not compile: see above', { output: compiled.output });
  }
  const output = join(root, 'node_modules/.cache/ringfort-faults');
  mkdirSync(output, { recursive: true });
  writeFileSync(join(output, 'package.json'), '{ "type": "module" }\n');
  return runForeground(process.execPath, ['--enable-source-maps', join(output, 'main.js'), ...args], root);
}

import { join } from 'node:path';
import { build } from '../nx.ts';
import { runForeground } from '../process.ts';
import { setUp } from './setup.ts';

/** Options of `ringfort dev` with which no nats-server of our own is wanted. */
const needsNoServer = ['--nats', '--embedded', '--help', '-h'];

/**
 * Sets up, builds and runs `ringfort dev` in the foreground.
 * @returns the exit code
 */
export async function start(root: string, args: readonly string[], tell: (line: string) => void): Promise<number> {
  const extra = await natsArguments(root, args, tell);
  await build(root, '@ringfort/node');
  return runForeground(process.execPath, [join(root, 'apps/node/dist/main.js'), 'dev', ...args, ...extra], root);
}

async function natsArguments(root: string, args: readonly string[], tell: (line: string) => void): Promise<string[]> {
  const given = args.some((arg) => needsNoServer.some((name) => arg === name || arg.startsWith(`${name}=`)));
  if (given) return [];
  const { natsServer } = await setUp(root, tell);
  return natsServer ? [] : ['--embedded'];
}

/** Sets up, builds and tells the story of `ringfort demo`. */
export async function demo(root: string, args: readonly string[], tell: (line: string) => void): Promise<number> {
  await setUp(root, tell);
  await build(root, '@ringfort/node');
  return runForeground(process.execPath, [join(root, 'apps/node/dist/main.js'), 'demo', ...args], root);
}

/** Sets up, builds and runs the benchmark program. */
export async function bench(root: string, args: readonly string[], tell: (line: string) => void): Promise<number> {
  await setUp(root, tell);
  await build(root, '@ringfort/bench');
  return runForeground(process.execPath, [join(root, 'apps/bench/dist/main.js'), ...args], root);
}

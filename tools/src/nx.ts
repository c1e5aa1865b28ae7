import { join } from 'node:path';
import { ToolError } from './errors.ts';
import { type Ran, run } from './process.ts';

const nxEnvironment = {
  NX_DAEMON: 'false',
  NX_NO_CLOUD: 'true',
  NX_TUI: 'false',
  NX_INTERACTIVE: 'false',
  NX_SKIP_VSCODE_EXTENSIONS_INSTALL: 'true',
};

/**
 * Runs one target in all projects but the tools themselves (their build would overwrite the files this program runs
 * from), at most two at a time, from Nx's cache where nothing has changed.
 */
export function runMany(root: string, target: string, options: { timeoutMs: number; tools: boolean }): Promise<Ran> {
  const args = ['run-many', '-t', target, '--parallel=2', '--nxBail=false'];
  if (!options.tools) args.push('--exclude=@ringfort/tools');
  return run(process.execPath, [join(root, 'node_modules', 'nx', 'dist', 'bin', 'nx.js'), ...args], {
    cwd: root,
    env: { ...process.env, ...nxEnvironment },
    timeoutMs: options.timeoutMs,
  });
}

/** Builds every package and app, quietly. */
export async function build(root: string): Promise<void> {
  const ran = await runMany(root, 'build', { timeoutMs: 300_000, tools: false });
  if (ran.code !== 0) throw new ToolError('BUILD_FAILED', 'the build failed: see above', { output: ran.output });
}

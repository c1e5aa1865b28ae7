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

export interface ManyOptions {
  readonly timeoutMs: number;
  /** Whether the tools are among the projects: never in a build, which would overwrite the files this program runs from. */
  readonly tools: boolean;
  /** This project alone, with what its target depends on. */
  readonly project?: string;
}

/**
 * Runs one target in the projects, at most two at a time, from Nx's cache where nothing has changed.
 */
export function runMany(root: string, target: string, options: ManyOptions): Promise<Ran> {
  const args = ['run-many', '-t', target, '--parallel=2', '--nxBail=false'];
  if (options.project) args.push(`--projects=${options.project}`);
  if (!options.tools) args.push('--exclude=@ringfort/tools');
  return run(process.execPath, [join(root, 'node_modules', 'nx', 'dist', 'bin', 'nx.js'), ...args], {
    cwd: root,
    env: { ...process.env, ...nxEnvironment },
    timeoutMs: options.timeoutMs,
  });
}

/** Builds, quietly, one app and what it needs, or every package and app. */
export async function build(root: string, app?: '@ringfort/node' | '@ringfort/bench'): Promise<void> {
  const ran = await runMany(root, 'build', { timeoutMs: 300_000, tools: false, ...(app ? { project: app } : {}) });
  if (ran.code !== 0) throw new ToolError('BUILD_FAILED', 'the build failed: see above', { output: ran.output });
}

import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ToolError } from './errors.ts';
import { run } from './process.ts';

export const howToGetNatsServer =
  'install it (Debian, Ubuntu: apt-get install nats-server; macOS: brew install nats-server; ' +
  'else https://github.com/nats-io/nats-server/releases) or set RINGFORT_NATS_SERVER to its path';

/**
 * Looks for a nats-server: RINGFORT_NATS_SERVER, then PATH, then /usr/sbin, where Debian's package puts it and which an
 * ordinary user's PATH lacks.
 * @throws ToolError `BAD_NATS_SERVER` when RINGFORT_NATS_SERVER names no program
 */
export function findNatsServer(environment: NodeJS.ProcessEnv): string | undefined {
  const named = environment.RINGFORT_NATS_SERVER;
  if (named) {
    if (isProgram(named)) return named;
    throw new ToolError('BAD_NATS_SERVER', `RINGFORT_NATS_SERVER=${named} is not a program that can be run`);
  }
  const folders = [...(environment.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, 'nats-server'))
    .find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // not there, or not ours to run: the search goes on
  }
}

/** Whether Debian's package manager can be used to install it. */
export function canUseApt(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version') && existsSync('/usr/bin/apt-get');
}

/** Installs Debian's nats-server package; the package lists are fetched when the first try fails. */
export async function installWithApt(cwd: string): Promise<void> {
  const apt = (...args: string[]) =>
    run('/usr/bin/apt-get', ['-y', '-q', ...args], {
      cwd,
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      timeoutMs: 180_000,
    });
  const install = () => apt('install', '--no-install-recommends', 'nats-server');
  const first = await install();
  if (first.code === 0) return;
  const update = await apt('update');
  const second = update.code === 0 ? await install() : update;
  if (second.code !== 0) {
    throw new ToolError('APT_FAILED', `apt-get could not install nats-server: ${howToGetNatsServer}`, {
      output: second.output,
    });
  }
}

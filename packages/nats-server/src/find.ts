import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { NatsServerMissingError } from './errors.ts';

/** Where system packages put nats-server, though an ordinary user's PATH often lacks it. */
const ALSO_SEARCHED = ['/usr/sbin', '/usr/local/sbin'];

/**
 * The path of a nats-server executable: `RINGFORT_NATS_SERVER` when set (and nothing else then), else the first one in PATH,
 * /usr/sbin or /usr/local/sbin. Undefined when there is none.
 */
export async function findNatsServer(env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  for (const candidate of candidates(env)) {
    if (await isExecutable(candidate)) return candidate;
  }
  return undefined;
}

/** As {@link findNatsServer}, but a missing one is a `NATS_SERVER_MISSING` error that says where was searched. */
export async function requireNatsServer(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const found = await findNatsServer(env);
  if (found === undefined) throw new NatsServerMissingError(candidates(env));
  return found;
}

function candidates(env: NodeJS.ProcessEnv): string[] {
  const chosen = env.RINGFORT_NATS_SERVER;
  if (chosen !== undefined && chosen !== '') return [chosen];
  const folders = [...(env.PATH ?? '').split(delimiter).filter((folder) => folder !== ''), ...ALSO_SEARCHED];
  return [...new Set(folders)].map((folder) => join(folder, 'nats-server'));
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

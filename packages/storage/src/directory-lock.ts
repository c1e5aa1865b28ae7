import { mkdirSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { StoreLockedError, StoreUnwritableError } from './errors.ts';

/**
 * Holds a directory for this process, until released or the process ends, however it ends. A socket in Linux' abstract namespace, named by
 * the directory's device and inode: the kernel frees it with its process, and no two names lead to two locks. It guards within one network
 * namespace; where there is no abstract namespace, a socket file in the directory takes its place.
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const server =
    process.platform === 'linux' ? await listen(abstractName(directory), directory) : await lockByFile(directory);
  server.unref();
  return () => new Promise((resolve) => server.close(() => resolve()));
}

function abstractName(directory: string): string {
  const { dev, ino } = statSync(directory, { bigint: true });
  return `\0ringfort-store-${dev.toString(16)}-${ino.toString(16)}`;
}

function listen(path: string, directory: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        cause.code === 'EADDRINUSE'
          ? new StoreLockedError(directory, { cause })
          : new StoreUnwritableError(directory, cause.message, { cause }),
      ),
    );
    server.listen(path, () => resolve(server));
  });
}

/** A socket file outlives its process: whoever finds one that nobody answers removes it. */
async function lockByFile(directory: string): Promise<Server> {
  const path = join(directory, 'lock.sock');
  try {
    return await listen(path, directory);
  } catch (error) {
    if (!(error instanceof StoreLockedError) || (await isAnswered(path))) throw error;
    rmSync(path, { force: true });
    return listen(path, directory);
  }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** @throws STORE_UNWRITABLE */
export function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new StoreUnwritableError(directory, (cause as Error).message, { cause });
  }
}

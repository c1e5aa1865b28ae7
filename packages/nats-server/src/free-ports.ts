import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

const HOST = '127.0.0.1';
/** Below what systems give to outgoing connections (on Linux from 32768 on): those come and go between the search and the use. */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;
const MAX_ATTEMPTS = 100;

/**
 * `count` different TCP ports of 127.0.0.1 that are free now: all are held at the same time, then let go. Another process may take one
 * before it is used: prefer port 0 where the server can tell which one it got.
 * @throws what the last attempt failed with (`EADDRINUSE`), when hardly any port is free.
 */
export async function freePorts(count: number): Promise<number[]> {
  const held = await Promise.allSettled(Array.from({ length: count }, hold));
  const holders = held.filter((one) => one.status === 'fulfilled').map(({ value }) => value);
  await Promise.all(holders.map(({ server }) => new Promise((resolve) => server.close(resolve))));
  const failed = held.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return holders.map(({ port }) => port);
}

async function hold(): Promise<{ readonly port: number; readonly server: Server }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = randomInt(FIRST_PORT, LAST_PORT);
    try {
      return { port, server: await listen(port) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

function listen(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, () => resolve(server));
  });
}

import { createServer } from 'node:net';

const HOST = '127.0.0.1';

/**
 * `count` different TCP ports of 127.0.0.1 that are free now: all are held at the same time, then let go. Another process may take one
 * before it is used: prefer port 0 where the server can tell which one it got.
 */
export async function freePorts(count: number): Promise<number[]> {
  const holders = await Promise.all(
    Array.from({ length: count }, () => {
      const holder = createServer();
      return new Promise<typeof holder>((resolve, reject) => {
        holder.once('error', reject);
        holder.listen(0, HOST, () => resolve(holder));
      });
    }),
  );
  const ports = holders.map((holder) => {
    const address = holder.address();
    if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
    return address.port;
  });
  await Promise.all(holders.map((holder) => new Promise((resolve) => holder.close(resolve))));
  return ports;
}

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LinkProxy } from '../scenarios/harness/link-proxy.ts';

let server: Server;
let proxy: LinkProxy;
let accepted: Promise<Socket>;
const sockets: Socket[] = [];

beforeEach(async () => {
  server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  accepted = once(server, 'connection').then(([socket]) => kept(socket as Socket));
  proxy = await LinkProxy.start((server.address() as AddressInfo).port);
});

afterEach(async () => {
  await proxy.close();
  for (const socket of sockets.splice(0)) socket.destroy();
  server.close();
});

function kept(socket: Socket): Socket {
  socket.on('error', () => undefined);
  sockets.push(socket);
  return socket;
}

function dial(): Socket {
  return kept(connect(Number(proxy.address.split(':')[1]), '127.0.0.1'));
}

/** Whether by an end or by a reset. */
function closed(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => socket.once('close', resolve));
}

/** Resolves with the next bytes, as many. */
function take(socket: Socket, bytes: number): Promise<Buffer> {
  return new Promise((resolve) => {
    let seen = Buffer.alloc(0);
    const onData = (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk]);
      if (seen.length < bytes) return;
      socket.off('data', onData);
      resolve(seen);
    };
    socket.on('data', onData);
  });
}

it('carries every byte in order, both ways, however it is slowed down and silenced meanwhile', async () => {
  const near = dial();
  const far = await accepted;
  const change = fc.record({
    silent: fc.boolean(),
    delayMs: fc.integer({ min: 0, max: 5 }),
    bytesPerSecond: fc.integer({ min: 5_000_000, max: 50_000_000 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 200_000 }),
      fc.array(change, { maxLength: 5 }),
      async (bytes, changes) => {
        for (const [from, to] of [
          [near, far],
          [far, near],
        ] as const) {
          const arrived = take(to, bytes.length);
          from.write(bytes);
          for (const carriage of changes) {
            proxy.set(carriage);
            await new Promise(setImmediate);
          }
          proxy.heal();
          expect((await arrived).equals(bytes)).toBe(true);
        }
      },
    ),
    { numRuns: 40 },
  );
});

it('holds back one direction alone, and lets what was held arrive late', async () => {
  const near = dial();
  const far = await accepted;
  proxy.set({ silent: true }, ['forth']);
  const late = take(far, 4);
  near.write('late');
  const early = take(near, 5);
  far.write('early');
  expect(String(await early)).toBe('early');
  expect(await Promise.race([late, Promise.resolve('not yet')])).toBe('not yet');
  proxy.heal();
  expect(String(await late)).toBe('late');
});

it('ends connections when it is cut, and refuses others until it is healed', async () => {
  const near = dial();
  await accepted;
  const ended = closed(near);
  proxy.cut();
  await ended;
  await closed(dial());
  proxy.heal();
  const again = once(server, 'connection');
  const third = dial();
  const far = kept((await again)[0] as Socket);
  const arrived = take(far, 2);
  third.write('ok');
  expect(String(await arrived)).toBe('ok');
});

it('takes no more than it may hold while nothing arrives', async () => {
  const near = dial();
  await accepted;
  proxy.set({ silent: true });
  const before = proxy.carriedBytes;
  near.write(Buffer.alloc(64 * 1024 * 1024));
  await expect.poll(() => proxy.carriedBytes - before).toBeGreaterThan(256 * 1024);
  const held = proxy.carriedBytes;
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
  expect(proxy.carriedBytes).toBeLessThan(held + 1024 * 1024);
});

import { type CountedBus, memoryBus, memoryNetwork } from '@ringfort/bus';
import { expect, test } from 'vitest';
import { double, happened } from './support/contracts.ts';
import { ManualClock } from './support/manual-clock.ts';

/** Lets what was promised happen, without moving any clock. */
const settle = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

function pair(clock: ManualClock, link?: (from: string, to: string) => readonly number[]) {
  const network = memoryNetwork({ clock, link });
  const server = memoryBus({ network, cluster: 'dev', self: 'node.n1' });
  const client = memoryBus({ network, cluster: 'dev', self: 'client.c1' });
  server.serve('node.n1.math', double, (n) => n * 2);
  return { network, server, client };
}

async function ask(client: CountedBus, clock: ManualClock, totalMs: number): Promise<unknown> {
  let end: unknown = 'none yet';
  client.call('node.n1.math', double, 21, { timeoutMs: 100 }, (error, reply) => {
    end = error?.code ?? reply;
  });
  for (let ms = 0; ms < totalMs; ms += 5) {
    await settle();
    clock.advance(5);
  }
  await settle();
  return end;
}

test('on a clock that stands nothing moves; on one that is moved everything does', async () => {
  const clock = new ManualClock();
  const { client, server } = pair(clock);
  expect(await ask(client, clock, 0)).toBe('none yet');
  expect(server.stats().messagesIn).toBe(0);
  expect(await ask(client, clock, 20)).toBe(42);
});

test('the link delays, loses and doubles what passes', async () => {
  const clock = new ManualClock();
  let delays: readonly number[] = [30];
  const { client, server, network } = pair(clock, (from, to) => {
    expect([from, to].sort()).toEqual(['client.c1', 'node.n1']);
    return delays;
  });
  expect(await ask(client, clock, 50)).toBe('none yet');
  expect(await ask(client, clock, 90)).toBe(42);
  delays = [];
  expect(await ask(client, clock, 150)).toBe('DEADLINE_EXCEEDED');
  delays = [0, 10];
  const before = server.stats().messagesIn;
  expect(await ask(client, clock, 50)).toBe(42);
  expect(server.stats().messagesIn - before).toBe(2);
  expect(client.stats().late).toBe(3);
  network.setLink(undefined);
  expect(await ask(client, clock, 20)).toBe(42);
});

test('one identity may be cut off while others go on', async () => {
  const clock = new ManualClock();
  const { client, server, network } = pair(clock);
  network.disconnect('node.n1');
  expect([server.status, client.status]).toEqual(['disconnected', 'connected']);
  expect(await ask(client, clock, 20)).toBe('NO_RESPONDERS');
  network.reconnect('node.n1');
  expect(await ask(client, clock, 20)).toBe(42);
});

test('what is under way to a closed bus is lost', async () => {
  const clock = new ManualClock();
  const { client, server } = pair(clock, () => [10]);
  let heard = 0;
  server.listen('events.happened', happened, () => heard++);
  client.publish('events.happened', happened, { n: 1 });
  clock.advance(5);
  const closing = server.close();
  await settle();
  await closing;
  clock.advance(50);
  expect(heard).toBe(0);
});

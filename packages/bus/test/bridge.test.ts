import {
  type BridgedEvent,
  type CountedBus,
  defineContract,
  memoryBus,
  memoryNetwork,
  serveActor,
} from '@ringfort/bus';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Actor, assign, createActor, setup } from 'xstate';
import { z } from 'zod';
import { ManualClock } from './support/manual-clock.ts';

const deposit = defineContract({ verb: 'deposit', request: z.int(), reply: z.int() });
const withdraw = defineContract({ verb: 'withdraw', request: z.int(), reply: z.int() });
const freeze = defineContract({ verb: 'freeze', request: z.undefined(), reply: z.undefined() });
const audit = defineContract({ verb: 'audit', request: z.undefined(), reply: z.undefined() });
const end = defineContract({ verb: 'end', request: z.undefined(), reply: z.undefined() });
type Events =
  | (BridgedEvent<number, number> & { type: 'deposit' | 'withdraw' })
  | (BridgedEvent<undefined, undefined> & { type: 'freeze' | 'audit' | 'end' });

const account = setup({
  types: { context: {} as { balance: number }, events: {} as Events },
  guards: { covered: ({ context, event }) => event.type !== 'withdraw' || event.body <= context.balance },
  actions: {
    add: assign({ balance: ({ context, event }) => context.balance + (event.body ?? 0) }),
    take: assign({ balance: ({ context, event }) => context.balance - (event.body ?? 0) }),
    replyBalance: ({ context, event }) => (event.reply as (value: number) => void)(context.balance),
    replyDone: ({ event }) => (event.reply as (value: undefined) => void)(undefined),
    keepForLater: () => {},
    replyOverdrawn: ({ event }) => event.fail(Object.assign(new Error('too little'), { code: 'OVERDRAWN' })),
  },
}).createMachine({
  id: 'account',
  context: { balance: 0 },
  initial: 'open',
  states: {
    open: {
      on: {
        deposit: { actions: ['add', 'replyBalance'] },
        withdraw: [{ guard: 'covered', actions: ['take', 'replyBalance'] }, { actions: 'replyOverdrawn' }],
        freeze: { target: 'frozen', actions: 'replyDone' },
        audit: { actions: 'keepForLater' },
      },
    },
    frozen: { on: { end: 'ended' } },
    ended: { type: 'final' },
  },
});

const at = 'node.n1.account';
const soon = { timeoutMs: 5_000 };
let server: CountedBus;
let client: CountedBus;
let actor: Actor<typeof account>;
let clock: ManualClock;

beforeEach(() => {
  const network = memoryNetwork();
  server = memoryBus({ network, cluster: 'dev', self: 'node.n1', limits: { closeTimeoutMs: 20 } });
  client = memoryBus({ network, cluster: 'dev', self: 'client.c1' });
  actor = createActor(account).start();
  clock = new ManualClock();
});
afterEach(() => Promise.all([server.close(), client.close()]));

test('messages become events, and the actor answers or fails them', async () => {
  serveActor(server, at, [deposit, withdraw], actor);
  expect(await client.request(at, deposit, 5, soon)).toBe(5);
  expect(await server.request(at, withdraw, 3, soon)).toBe(2);
  await expect(client.request(at, withdraw, 3, soon)).rejects.toMatchObject({
    code: 'OVERDRAWN',
    message: 'too little',
  });
});

test('what the present state does not take is answered NOT_ACCEPTED with that state', async () => {
  serveActor(server, at, [deposit, freeze, end], actor);
  await client.request(at, freeze, undefined, soon);
  const refused = client.request(at, deposit, 5, soon);
  await expect(refused).rejects.toMatchObject({ code: 'NOT_ACCEPTED', details: { verb: 'deposit', state: 'frozen' } });
});

test('a published message reaches the actor too, and needs no answer', async () => {
  serveActor(server, at, [deposit], actor);
  client.publish(at, deposit, 7);
  expect(await client.request(at, deposit, 1, soon)).toBe(8);
  expect(server.stats().running).toBe(0);
});

test('a request that the actor leaves unanswered ends at its own deadline', async () => {
  serveActor(server, at, [audit, deposit], actor, { clock });
  const asked = client.request(at, audit, undefined, soon);
  await client.request(at, deposit, 1, soon);
  expect(server.stats().running).toBe(1);
  clock.advance(5_010);
  await expect(asked).rejects.toMatchObject({ name: 'RemoteError', code: 'DEADLINE_EXCEEDED' });
  expect(server.stats().running).toBe(0);
});

test('when the actor ends, what it left unanswered ends with it, and it takes nothing more', async () => {
  serveActor(server, at, [audit, freeze, end], actor, { clock });
  const asked = client.request(at, audit, undefined, soon);
  await client.request(at, freeze, undefined, soon);
  client.publish(at, end, undefined);
  await expect(asked).rejects.toMatchObject({ code: 'NOT_ACCEPTED', details: { state: 'done' } });
  const late = client.request(at, freeze, undefined, soon);
  await expect(late).rejects.toMatchObject({ code: 'NOT_ACCEPTED', details: { state: 'done' } });
});

test('once unsubscribed, the address is silent', async () => {
  const served = serveActor(server, at, [audit, deposit], actor, { clock });
  const asked = client.request(at, audit, undefined, soon);
  await client.request(at, deposit, 1, soon);
  served.unsubscribe();
  await expect(asked).rejects.toMatchObject({ code: 'NOT_ACCEPTED' });
  await expect(client.request(at, deposit, 1, soon)).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
});

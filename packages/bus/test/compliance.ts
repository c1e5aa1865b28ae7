import { BusError, type CountedBus, defineContract } from '@ringfort/bus';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { protocolCompliance } from './compliance-protocol.ts';
import { double, echo, fail, hang, happened, locate } from './support/contracts.ts';
import { type BreakableHarness, gate, type Harness, statusOf } from './support/harness.ts';

const soon = { timeoutMs: 5_000 };

/** What every adapter of the bus must do; run on each. */
export function busCompliance<Net extends Harness>(
  name: string,
  start: () => Promise<Net>,
  more: (parts: () => { net: Net; server: CountedBus; client: CountedBus }) => void = () => {},
): void {
  describe(name, () => {
    let net: Net;
    let server: CountedBus;
    let client: CountedBus;
    const errors: unknown[] = [];
    const extras = { onError: (error: unknown) => void errors.push(error) };

    beforeEach(async () => {
      errors.length = 0;
      net = await start();
      server = await net.bus('node.n1', extras);
      client = await net.bus('client.c1', extras);
    });
    afterEach(() => net.stop());

    describe('requests', () => {
      test('each gets its own answer, from sync and async handlers', async () => {
        server.serve('node.n1.math', double, (n) => (n % 2 === 0 ? n * 2 : Promise.resolve(n * 2)));
        await net.settled(server);
        const numbers = Array.from({ length: 200 }, (_, n) => n);
        const answers = await Promise.all(numbers.map((n) => client.request('node.n1.math', double, n, soon)));
        expect(answers).toEqual(numbers.map((n) => n * 2));
        expect(client.stats()).toMatchObject({ pending: 0, malformed: 0, late: 0 });
      });

      test('the handler learns who asks, the barrier and the time left', async () => {
        const told = vi.fn((n: number) => n);
        server.serve('node.n1.math', double, told);
        await net.settled(server);
        await client.request('node.n1.math', double, 1, { timeoutMs: 4_321, barrier: 7 });
        expect(told).toHaveBeenCalledWith(1, { from: 'client.c1', barrier: 7, timeoutMs: 4_321, protocol: 3 });
      });

      test('call ends exactly once, and never before it returns', async () => {
        server.serve('node.n1.math', double, (n) => n * 2);
        await net.settled(server);
        const ends: unknown[] = [];
        await new Promise<void>((resolve) => {
          const done = (error: unknown, reply: unknown) => {
            ends.push(error ?? reply);
            if (ends.length === 3) resolve();
          };
          client.call('node.n1.math', double, 4, soon, done);
          client.call('node.n1.math', double, 4, { timeoutMs: 0 }, done);
          server.call('node.n1.math', double, 5, soon, done);
          expect(ends).toEqual([]);
        });
        await client.request('node.n1.math', double, 1, soon);
        expect(ends).toHaveLength(3);
        expect(ends).toEqual(expect.arrayContaining([8, 10, expect.objectContaining({ code: 'DEADLINE_EXCEEDED' })]));
      });

      test('callEach asks every address, and ends once for each with its own answer or error', async () => {
        const told = vi.fn((n: number) => n * 2);
        server.serve('node.n1.math', double, told);
        client.serve('client.c1.math', double, (n) => n * 3);
        await net.settled(server, client);
        const ends = new Map<string, unknown>();
        const to = ['node.n1.math', 'client.c1.math', 'node.n9.math', 'no address'];
        const sent = client.stats().messagesOut;
        await new Promise<void>((resolve) => {
          client.callEach(to, double, 7, { ...soon, barrier: 3 }, (address, error, reply) => {
            expect(ends.has(address)).toBe(false);
            ends.set(address, error?.code ?? reply);
            if (ends.size === to.length) resolve();
          });
          expect(ends.size).toBe(0);
        });
        expect(Object.fromEntries(ends)).toEqual({
          'node.n1.math': 14,
          'client.c1.math': 21,
          'node.n9.math': 'NO_RESPONDERS',
          'no address': 'INVALID_ARGUMENT',
        });
        expect(client.stats().messagesOut - sent).toBe(2);
        expect(told).toHaveBeenCalledWith(7, expect.objectContaining({ barrier: 3 }));
        expect(client.stats().pending).toBe(0);
      });

      test('callEach of what cannot be asked ends every address by name', async () => {
        server.serve('node.n1.math', double, (n) => n);
        await net.settled(server);
        const to = ['node.n1.math', 'node.n2.math'];
        const codesOf = (ask: (done: (to: string, error?: { code: string }) => void) => void) =>
          new Promise<string[]>((resolve) => {
            const codes: string[] = [];
            ask((address, error) => {
              codes.push(`${address} ${error?.code}`);
              if (codes.length === to.length) resolve(codes);
            });
          });
        const expired = await codesOf((done) => client.callEach(to, double, 1, { timeoutMs: 0 }, done));
        expect(expired).toEqual(to.map((address) => `${address} DEADLINE_EXCEEDED`));
        const unspeakable = await codesOf((done) => client.callEach(to, { ...double, verb: 'a b' }, 1, soon, done));
        expect(unspeakable).toEqual(to.map((address) => `${address} INVALID_ARGUMENT`));
        await client.close();
        const closed = await codesOf((done) => client.callEach(to, double, 1, soon, done));
        expect(closed).toEqual(to.map((address) => `${address} BUS_CLOSED`));
      });

      test('an answerer answers by its callback, once, at once or later; what it throws is its answer', async () => {
        server.answer('node.n1.math', double, (n, inbound, done) => {
          expect(inbound.from).not.toBe('');
          if (n === 1) throw Object.assign(new Error('no room'), { code: 'DISK_FULL' });
          if (n === 2) done(Object.assign(new Error('odd'), { code: 'ODD' }));
          else if (n === 3) return void setImmediate(() => done(undefined, 6));
          else done(undefined, n * 2);
          done(undefined, 99);
        });
        await net.settled(server);
        for (const asker of [client, server]) {
          expect(await asker.request('node.n1.math', double, 4, soon)).toBe(8);
          expect(await asker.request('node.n1.math', double, 3, soon)).toBe(6);
          const refused = [1, 2].map((n) => asker.request('node.n1.math', double, n, soon).catch((e) => e.code));
          expect(await Promise.all(refused)).toEqual(['DISK_FULL', 'ODD']);
        }
        expect(server.stats()).toMatchObject({ running: 0 });
      });

      test('fields that are absent, undefined or null arrive as they were sent', async () => {
        const told = vi.fn(() => ({ places: [] }));
        server.serve('node.n1.math', locate, told);
        await net.settled(server);
        const bodies = [
          { key: 'k' },
          { key: 'k', far: true },
          { key: 'k', note: null },
          { key: 'k', note: 'n' },
          { key: 'k', far: false, note: 'n' },
        ];
        for (const body of bodies) {
          await client.request('node.n1.math', locate, body, soon);
          expect(told.mock.lastCall).toStrictEqual([body, expect.anything()]);
        }
        await client.request('node.n1.math', locate, { key: 'k', far: undefined }, soon);
        expect(told).toHaveBeenLastCalledWith({ key: 'k' }, expect.anything());
      });

      test('without an answer in time, DEADLINE_EXCEEDED; the answer that comes late is dropped and counted', async () => {
        const late = gate();
        server.serve('node.n1.math', hang, (n) => late.opened.then(() => n));
        server.serve('node.n1.math', double, (n) => n * 2);
        await net.settled(server);
        const asked = client.request('node.n1.math', hang, 1, { timeoutMs: 30 });
        await expect(asked).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
        late.open();
        await vi.waitFor(() => expect(client.stats().late).toBe(1));
        expect(client.stats().pending).toBe(0);
      });

      test('an abort ends the request at once, or before it is sent', async () => {
        const asked = gate();
        const never = gate();
        server.serve('node.n1.math', hang, () => {
          asked.open();
          return never.opened.then(() => 1);
        });
        await net.settled(server);
        const aborting = new AbortController();
        const request = client.request('node.n1.math', hang, 1, { ...soon, signal: aborting.signal });
        await asked.opened;
        aborting.abort(new Error('enough'));
        await expect(request).rejects.toMatchObject({ code: 'ABORTED', cause: new Error('enough') });
        const sent = client.stats().messagesOut;
        const again = client.request('node.n1.math', hang, 1, { ...soon, signal: aborting.signal });
        await expect(again).rejects.toMatchObject({ code: 'ABORTED' });
        expect(client.stats()).toMatchObject({ pending: 0, messagesOut: sent });
        never.open();
      });

      test('nobody there: all requests to that address end NO_RESPONDERS at once, others are untouched', async () => {
        const late = gate();
        server.serve('node.n1.math', hang, (n) => late.opened.then(() => n));
        await net.settled(server);
        const other = client.request('node.n1.math', hang, 3, soon);
        const lost = [1, 2, 3].map((n) => client.request('node.n9.math', double, n, { timeoutMs: 60_000 }));
        for (const request of lost) await expect(request).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
        late.open();
        expect(await other).toBe(3);
      });

      test('a peer that is gone: what it may have had ends PEER_LOST, what never reached it NO_RESPONDERS', async () => {
        const running = gate();
        const served = server.serve('node.n1.math', hang, () => {
          running.open();
          return new Promise(() => {});
        });
        await net.settled(server);
        const delivered = client.request('node.n1.math', hang, 1, { timeoutMs: 60_000 });
        delivered.catch(() => {});
        await running.opened;
        served.unsubscribe();
        await net.settled(server);
        await expect(client.request('node.n1.math', hang, 2, soon)).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
        await expect(delivered).rejects.toMatchObject({ code: 'PEER_LOST' });
      });

      test('what is no longer served has no responders', async () => {
        const served = server.serve('node.n1.math', double, (n) => n * 2);
        await net.settled(server);
        expect(await client.request('node.n1.math', double, 1, soon)).toBe(2);
        served.unsubscribe();
        await net.settled(server);
        await expect(client.request('node.n1.math', double, 1, soon)).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
      });
    });

    describe('errors', () => {
      test('a code crosses with its message and plain details; other errors stay and are told as INTERNAL', async () => {
        server.serve('node.n1.math', fail, (how) => {
          if (how === 'plain') throw new Error('secret');
          throw Object.assign(new Error('no room'), { code: 'DISK_FULL', details: { freeBytes: 0 } });
        });
        await net.settled(server);
        for (const asker of [client, server]) {
          const coded = asker.request('node.n1.math', fail, 'coded', soon);
          const known = { name: 'RemoteError', code: 'DISK_FULL', message: 'no room', details: { freeBytes: 0 } };
          await expect(coded).rejects.toMatchObject(known);
          errors.length = 0;
          const plain = await asker.request('node.n1.math', fail, 'plain', soon).catch((error: BusError) => error);
          expect(plain).toMatchObject({ code: 'INTERNAL' });
          expect((plain as Error).message).not.toContain('secret');
          expect(errors).toEqual([new Error('secret')]);
        }
      });

      test('an unknown verb, a body and a reply that break their contract are told by name', async () => {
        const handler = vi.fn((n: number) => n);
        server.serve('node.n1.math', double, handler);
        const liar = defineContract({ verb: 'lie', request: z.string(), reply: z.any() });
        server.serve('node.n1.math', liar, (text) => text);
        await net.settled(server);
        const wrongBody = defineContract({ verb: 'double', request: z.string(), reply: z.int() });
        const wrongReply = defineContract({ verb: 'lie', request: z.string(), reply: z.int() });
        const ask = (contract: typeof fail) => client.request('node.n1.math', contract, 'x', soon);
        await expect(ask(fail)).rejects.toMatchObject({ code: 'UNKNOWN_VERB' });
        await expect(ask(wrongBody as never)).rejects.toMatchObject({ code: 'INVALID_MESSAGE' });
        await expect(ask(wrongReply as never)).rejects.toMatchObject({ code: 'INVALID_MESSAGE' });
        expect(handler).not.toHaveBeenCalled();
      });

      test('a callback that throws is reported, and harms nobody else', async () => {
        server.serve('node.n1.math', double, (n) => n * 2);
        await net.settled(server);
        const others = [1, 2].map((n) => client.request('node.n1.math', double, n, soon));
        client.call('node.n1.math', double, 9, soon, () => {
          throw new Error('callback');
        });
        expect(await Promise.all(others)).toEqual([2, 4]);
        await vi.waitFor(() => expect(errors).toEqual([new Error('callback')]));
      });

      test('what cannot be used is refused when it is said', async () => {
        const refused = (act: () => unknown, code: string) => {
          try {
            act();
          } catch (error) {
            expect(error).toMatchObject({ code });
            return;
          }
          expect.unreachable(`not refused: ${act}`);
        };
        server.serve('node.n1.math', double, (n) => n);
        refused(() => server.serve('node.n1.math', double, (n) => n), 'ALREADY_SERVED');
        refused(() => server.serve('node.n1.math', echo, (n) => n, { queue: 'q' }), 'ALREADY_SERVED');
        refused(() => server.serve('node.*.math', double, (n) => n), 'INVALID_ARGUMENT');
        refused(() => defineContract({ verb: 'two words', request: z.any() }), 'INVALID_ARGUMENT');
        const asked = client.request('a b', double, 1, soon);
        await expect(asked).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
        const barred = client.request('node.n1.math', double, 1, { ...soon, barrier: -1 });
        await expect(barred).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
        const unspeakable = client.request('node.n1.math', { ...double, verb: 'two words' }, 1, soon);
        await expect(unspeakable).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
        expect(client.stats().pending).toBe(0);
      });
    });

    describe('events and queue groups', () => {
      test('an event reaches every listener, the own ones too, once each', async () => {
        const heard: string[] = [];
        const other = await net.bus('node.n2');
        const all = gate();
        const listener = (who: string) => (body: { n: number }) => {
          heard.push(`${who} ${body.n}`);
          if (heard.length === 4) all.open();
        };
        server.listen('events.happened', happened, listener('server'));
        other.listen('events.happened', happened, listener('other a'));
        const gone = other.listen('events.happened', happened, listener('gone'));
        other.listen('events.happened', happened, listener('other b'));
        client.listen('events.happened', happened, listener('client'));
        gone.unsubscribe();
        await net.settled(server, other, client);
        client.publish('events.happened', happened, { n: 1 });
        await all.opened;
        await net.settled(server, other, client);
        expect(heard.sort()).toEqual(['client 1', 'other a 1', 'other b 1', 'server 1']);
      });

      test('one member of a queue group handles each request; a member that asks handles it itself', async () => {
        const other = await net.bus('node.n2');
        const counts = new Map<string, number>();
        for (const bus of [server, other]) {
          const handler = (n: number) => {
            counts.set(bus.self, (counts.get(bus.self) ?? 0) + 1);
            return n * 2;
          };
          bus.serve('kv.double', double, handler, { queue: 'kv' });
        }
        await net.settled(server, other);
        for (let n = 0; n < 40; n++) expect(await client.request('kv.double', double, n, soon)).toBe(n * 2);
        expect([...counts.values()].reduce((a, b) => a + b, 0)).toBe(40);
        expect(counts.size).toBe(2);
        const before = counts.get('node.n2')!;
        for (let n = 0; n < 5; n++) await other.request('kv.double', double, n, soon);
        expect(counts.get('node.n2')).toBe(before + 5);
      });
    });

    describe('in-process', () => {
      test('a request to an address of the own bus takes no codec and no network', async () => {
        const body = { bytes: new Uint8Array(3), extra: () => 'functions do not travel' };
        server.serve('node.n1.self', echo, (got) => got);
        const answer = await server.request('node.n1.self', echo, body, soon);
        expect(answer).toBe(body);
        expect(server.stats()).toMatchObject({ framesOut: 0, local: 1 });
      });

      test('it keeps its deadline', async () => {
        server.serve('node.n1.self', hang, () => new Promise(() => {}));
        const asked = server.request('node.n1.self', hang, 1, { timeoutMs: 20 });
        await expect(asked).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
      });
    });

    describe('closing', () => {
      test('what runs is answered, what comes later is refused; twice is once', async () => {
        const running = gate();
        const finish = gate();
        server.serve('node.n1.math', hang, (n) => {
          running.open();
          return finish.opened.then(() => n);
        });
        await net.settled(server);
        const asked = client.request('node.n1.math', hang, 5, soon);
        await running.opened;
        const closing = server.close();
        expect(server.close()).toBe(closing);
        await expect(server.request('node.n1.math', hang, 1, soon)).rejects.toMatchObject({ code: 'BUS_CLOSED' });
        expect(() => server.serve('node.n1.more', double, (n) => n)).toThrow(BusError);
        finish.open();
        expect(await asked).toBe(5);
        await closing;
        expect(server.status).toBe('closed');
        await expect(client.request('node.n1.math', hang, 5, soon)).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
      });

      test('a handler that never ends does not keep the bus; own requests end BUS_CLOSED', async () => {
        const brief = await net.bus('node.n2', { limits: { closeTimeoutMs: 30 } });
        const running = gate();
        brief.serve('node.n2.math', hang, () => {
          running.open();
          return new Promise(() => {});
        });
        server.serve('node.n1.math', hang, () => new Promise(() => {}));
        await net.settled(brief, server);
        const ignored = client.request('node.n2.math', hang, 1, { timeoutMs: 200 }).catch((error) => error.code);
        const own = brief.request('node.n1.math', hang, 1, soon).catch((error) => error.code);
        await running.opened;
        await brief.close();
        expect(await own).toBe('BUS_CLOSED');
        expect(await ignored).toBe('DEADLINE_EXCEEDED');
      });
    });

    protocolCompliance(() => ({ net, server, client, errors }));

    more(() => ({ net, server, client }));
  });
}

/** What adapters must do when their connection breaks. */
export function reconnectCompliance(
  parts: () => { net: BreakableHarness; server: CountedBus; client: CountedBus },
): void {
  test('a lost connection ends requests at once, and comes back by itself', async () => {
    const { net, server, client } = parts();
    const asked = gate();
    server.serve('node.n1.math', double, (n) => n * 2);
    server.serve('node.n1.math', hang, () => {
      asked.open();
      return new Promise(() => {});
    });
    await net.settled(server);
    const lost = client.request('node.n1.math', hang, 1, { timeoutMs: 60_000 });
    const lostCode = lost.catch((error) => error.code);
    await asked.opened;
    await net.cut();
    expect(await lostCode).toBe('DISCONNECTED');
    await Promise.all([statusOf(client, 'disconnected'), statusOf(server, 'disconnected')]);
    await expect(client.request('node.n1.math', double, 1, soon)).rejects.toMatchObject({ code: 'DISCONNECTED' });
    client.publish('events.happened', happened, { n: 1 });
    expect(client.stats().dropped).toBe(1);
    expect(await server.request('node.n1.math', double, 1, soon)).toBe(2);
    await net.heal();
    await Promise.all([statusOf(client, 'connected'), statusOf(server, 'connected')]);
    await net.settled(server, client);
    expect(await client.request('node.n1.math', double, 21, soon)).toBe(42);
  });
}

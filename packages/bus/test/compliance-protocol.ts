import { type CountedBus, defineContract } from '@ringfort/bus';
import { Packr, Unpackr } from 'msgpackr';
import { describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import {
  encodeVerb,
  type FrameMessage,
  FrameWriter,
  MessageKind,
  NO_VERB,
  readHeader,
  readMessages,
} from '../src/frame-core.ts';
import { double, echo, hang, locate } from './support/contracts.ts';
import type { Harness } from './support/harness.ts';

const soon = { timeoutMs: 5_000 };
const codec = { pack: new Packr({ useRecords: false }), unpack: new Unpackr({ useRecords: false }) };

interface Parts {
  readonly net: Harness;
  readonly server: CountedBus;
  readonly client: CountedBus;
  readonly errors: unknown[];
}

function frameOf(version: number, message: { id: number; verb: string; timeoutMs?: number; body: unknown }): Buffer {
  const writer = new FrameWriter(version, 'client.raw');
  const body = Buffer.isBuffer(message.body) ? message.body : codec.pack.pack(message.body);
  const { id, verb, timeoutMs = 1_000 } = message;
  writer.append(MessageKind.request, id, encodeVerb(verb), 0, timeoutMs, body);
  return writer.take();
}

interface Answer extends FrameMessage {
  readonly version: number;
  readonly value: unknown;
}

/** A raw asker: sends frames, and resolves with the first answer. */
async function asker(net: Harness) {
  const raw = await net.raw();
  const prefix = `ringfort.${net.cluster}.`;
  const answers: Answer[] = [];
  await raw.subscribe(`${prefix}client.raw.replies.*`, ({ payload }) => {
    const frame = Buffer.from(payload);
    const header = readHeader(frame);
    for (const message of readMessages(frame, header)) {
      const value = codec.unpack.unpack(frame.subarray(message.start, message.end));
      answers.push({ ...message, version: header.version, value });
    }
  });
  return async (address: string, frame: Uint8Array): Promise<Answer> => {
    answers.length = 0;
    raw.publish(prefix + address, frame, `${prefix}client.raw.replies.7`);
    await vi.waitFor(() => expect(answers).toHaveLength(1), { interval: 2 });
    return answers[0]!;
  };
}

/** What every adapter must do with frames, limits and protocol versions. */
export function protocolCompliance(parts: () => Parts): void {
  describe('frames', () => {
    test('messages of one turn to one address are one frame, and so are their answers', async () => {
      const { net, server, client } = parts();
      server.serve('node.n1.math', double, (n) => n * 2);
      await net.settled(server);
      const before = { client: client.stats(), server: server.stats() };
      const requests = Array.from({ length: 100 }, (_, n) => client.request('node.n1.math', double, n, soon));
      await Promise.all(requests);
      expect(client.stats().messagesOut - before.client.messagesOut).toBe(100);
      expect(client.stats().framesOut - before.client.framesOut).toBe(1);
      expect(server.stats().framesOut - before.server.framesOut).toBe(1);
    });

    test('a 3 MiB body crosses in both directions, in pieces below the payload limit', async () => {
      const { net, server, client } = parts();
      server.serve('node.n1.echo', echo, (body) => body);
      server.serve('node.n1.echo', double, (n) => n * 2);
      await net.settled(server);
      const bytes = new Uint8Array(3 * 1024 * 1024).map((_, index) => (index * 7) ^ (index >> 9));
      const [answer, small] = await Promise.all([
        client.request('node.n1.echo', echo, { bytes }, soon),
        client.request('node.n1.echo', double, 4, soon),
      ]);
      expect(Buffer.compare(answer.bytes, bytes)).toBe(0);
      expect(small).toBe(8);
      expect(client.stats().framesOut).toBeGreaterThanOrEqual(4);
      expect(server.stats()).toMatchObject({ malformed: 0, abandoned: 0 });
    });

    test('many messages leave as several frames, each as large as the limit or the payload allows', async () => {
      const { net, server } = parts();
      server.serve('node.n1.echo', echo, (body) => body);
      await net.settled(server);
      const framesFor = async (maxFrameBytes: number) => {
        const asker = await net.bus('client.c2', { limits: { maxFrameBytes } });
        const bytes = new Uint8Array(300 * 1024);
        await Promise.all(Array.from({ length: 7 }, () => asker.request('node.n1.echo', echo, { bytes }, soon)));
        await asker.close();
        return asker.stats().framesOut;
      };
      expect(await framesFor(64 * 1024)).toBe(7);
      expect(await framesFor(700 * 1024)).toBe(4);
      expect(await framesFor(16 * 1024 * 1024)).toBe(3);
    });

    test('beyond the message limit, or cut to a shared address: MESSAGE_TOO_LARGE', async () => {
      const { net, server, client } = parts();
      const narrow = await net.bus('client.c2', { limits: { maxMessageBytes: 100_000 } });
      server.serve('kv.echo', echo, (body) => body, { queue: 'kv' });
      const inflate = defineContract({ verb: 'inflate', request: z.int(), reply: z.any() });
      server.serve('kv.echo', inflate, (bytes) => new Uint8Array(bytes), { queue: 'kv' });
      await net.settled(server);
      const tooLarge = { code: 'MESSAGE_TOO_LARGE' };
      const big = { bytes: new Uint8Array(2 * 1024 * 1024) };
      await expect(narrow.request('kv.echo', echo, big, soon)).rejects.toMatchObject(tooLarge);
      expect(() => narrow.publish('events.echo', echo, big)).toThrow(expect.objectContaining(tooLarge));
      await expect(client.request('kv.echo', echo, big, soon)).rejects.toMatchObject(tooLarge);
      await expect(client.request('kv.echo', inflate, 20 << 20, soon)).rejects.toMatchObject(tooLarge);
      expect(await client.request('kv.echo', inflate, 2 << 20, soon)).toHaveLength(2 << 20);
    });

    test('bytes that are no frame are counted, and nothing else happens', async () => {
      const { net, server, client } = parts();
      server.serve('node.n1.math', double, (n) => n * 2);
      await net.settled(server);
      const raw = await net.raw();
      const prefix = `ringfort.${net.cluster}.`;
      const whole = frameOf(3, { id: 1, verb: 'double', body: 1 });
      const hostile = [
        Buffer.alloc(0),
        Buffer.from('hello'),
        whole.subarray(0, whole.length - 1),
        whole.subarray(0, 7),
        Buffer.concat([whole, Buffer.from([1])]),
      ];
      for (const payload of hostile) {
        raw.publish(`${prefix}node.n1.math`, payload);
        raw.publish(`${prefix}node.n1.replies.0`, payload);
      }
      raw.publish(`${prefix}node.n1.replies.0`, whole);
      await vi.waitFor(() => expect(server.stats().malformed).toBe(2 * hostile.length + 1));
      expect(await client.request('node.n1.math', double, 4, soon)).toBe(8);
    });

    test('a malformed body is answered INVALID_MESSAGE, an expired request DEADLINE_EXCEEDED, and neither runs', async () => {
      const { net, server } = parts();
      const handler = vi.fn((n: number) => n * 2);
      server.serve('node.n1.math', double, handler);
      await net.settled(server);
      const ask = await asker(net);
      const garbage = await ask('node.n1.math', frameOf(3, { id: 3, verb: 'double', body: Buffer.from([0xdc, 0xff]) }));
      expect(garbage).toMatchObject({ kind: MessageKind.error, id: 3 });
      expect(garbage.value).toMatchObject({ 0: 'INVALID_MESSAGE' });
      const expired = await ask('node.n1.math', frameOf(3, { id: 4, verb: 'double', timeoutMs: 0, body: 1 }));
      expect(expired).toMatchObject({ kind: MessageKind.error, id: 4 });
      expect(expired.value).toMatchObject({ 0: 'DEADLINE_EXCEEDED' });
      expect(handler).not.toHaveBeenCalled();
    });
  });

  describe('protocol versions', () => {
    test('the one before is understood and answered in kind', async () => {
      const { net, server } = parts();
      const told = vi.fn((n: number) => n * 2);
      server.serve('node.n1.math', double, told);
      server.serve('node.n1.math', locate, () => ({ places: [{ node: 'n1', rank: 1 }] }));
      await net.settled(server);
      const ask = await asker(net);
      const answer = await ask('node.n1.math', frameOf(2, { id: 9, verb: 'double', body: 21 }));
      expect(answer).toMatchObject({ version: 2, kind: MessageKind.reply, id: 9, value: 42 });
      expect(told).toHaveBeenCalledWith(21, { from: 'client.raw', barrier: 0, timeoutMs: 1_000, protocol: 2 });
      const mapped = await ask('node.n1.math', frameOf(2, { id: 10, verb: 'locate', body: { key: 'k', beyond: 1 } }));
      expect(mapped).toMatchObject({ version: 2, value: { places: [{ node: 'n1', rank: 1 }] } });
      const positional = await ask('node.n1.math', frameOf(3, { id: 11, verb: 'locate', body: ['k'] }));
      expect(positional).toMatchObject({ version: 3, value: [[['n1', 1]]] });
    });

    test('any other is answered PROTOCOL_MISMATCH, to bus addresses only', async () => {
      const { net, server } = parts();
      server.serve('node.n1.math', double, (n) => n * 2);
      await net.settled(server);
      const ask = await asker(net);
      const frame = frameOf(2, { id: 9, verb: 'double', body: 21 });
      for (const version of [1, 9]) {
        frame[2] = version;
        const answer = await ask('node.n1.math', frame);
        expect(answer).toMatchObject({ kind: MessageKind.error, id: 0 });
        expect(answer.value).toMatchObject(['PROTOCOL_MISMATCH', expect.any(String), { version, spoken: [2, 3] }]);
      }
      const raw = await net.raw();
      const prefix = `ringfort.${net.cluster}.`;
      const bystander = vi.fn();
      await raw.subscribe(`${prefix}kv.put`, bystander);
      raw.publish(`${prefix}node.n1.math`, frame, `${prefix}kv.put`);
      raw.publish(`${prefix}node.n1.math`, frame);
      await vi.waitFor(() => expect(server.stats().mismatched).toBe(4));
      await server.flush();
      expect(bystander).not.toHaveBeenCalled();
    });

    test('told so, the asker ends what it asked in that frame', async () => {
      const { net, client } = parts();
      const raw = await net.raw();
      const prefix = `ringfort.${net.cluster}.`;
      await raw.subscribe(`${prefix}node.n9.math`, ({ reply }) => {
        const writer = new FrameWriter(3, 'node.n9');
        const body = codec.pack.pack(['PROTOCOL_MISMATCH', 'only 4 and 5']);
        writer.append(MessageKind.error, 0, NO_VERB, 0, 0, body);
        raw.publish(reply!, writer.take());
      });
      await net.settled(client);
      const asked = [1, 2].map((n) => client.request('node.n9.math', double, n, { timeoutMs: 60_000 }));
      for (const request of asked) await expect(request).rejects.toMatchObject({ code: 'PROTOCOL_MISMATCH' });
    });
  });

  describe('bounds', () => {
    test('requests in flight: OVERLOADED, until some end', async () => {
      const { net, server } = parts();
      const narrow = await net.bus('client.c2', { limits: { maxPending: 3 } });
      const waiting: ((n: number) => void)[] = [];
      server.serve('node.n1.math', hang, () => new Promise((resolve) => waiting.push(resolve)));
      await net.settled(server);
      const held = [1, 2, 3].map((n) => narrow.request('node.n1.math', hang, n, soon));
      await expect(narrow.request('node.n1.math', hang, 4, soon)).rejects.toMatchObject({ code: 'OVERLOADED' });
      await vi.waitFor(() => expect(waiting).toHaveLength(3));
      for (const resolve of waiting.splice(0)) resolve(1);
      await Promise.all(held);
      const after = narrow.request('node.n1.math', hang, 5, soon);
      await vi.waitFor(() => expect(waiting).toHaveLength(1));
      waiting[0]!(5);
      expect(await after).toBe(5);
    });

    test('handlers running: the asker is told OVERLOADED', async () => {
      const { net, client } = parts();
      const narrow = await net.bus('node.n2', { limits: { maxRunning: 2 } });
      const waiting: ((n: number) => void)[] = [];
      narrow.serve('node.n2.math', hang, () => new Promise((resolve) => waiting.push(resolve)));
      await net.settled(narrow);
      const held = [1, 2].map((n) => client.request('node.n2.math', hang, n, soon));
      const third = client.request('node.n2.math', hang, 3, soon);
      await expect(third).rejects.toMatchObject({ name: 'RemoteError', code: 'OVERLOADED' });
      for (const resolve of waiting) resolve(1);
      await Promise.all(held);
    });

    test('bytes waiting for the network: OVERLOADED', async () => {
      const { net, server } = parts();
      const narrow = await net.bus('client.c2', { limits: { maxBufferedBytes: 10_000 } });
      server.serve('node.n1.echo', echo, (body) => body);
      await net.settled(server);
      const bytes = new Uint8Array(9_000);
      const asked = [1, 2, 3].map(() => narrow.request('node.n1.echo', echo, { bytes }, soon));
      const codes = await Promise.all(asked.map((request) => request.then(() => 'ok').catch((error) => error.code)));
      expect(codes).toEqual(['ok', 'ok', 'OVERLOADED']);
      // An answer may be read before the socket tells that what was asked has left.
      for (let round = 0; round < 5; round++)
        await vi.waitFor(() => narrow.request('node.n1.echo', echo, { bytes }, soon));
    });
  });
}

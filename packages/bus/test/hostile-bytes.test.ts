import { memoryBus, memoryNetwork } from '@ringfort/bus';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { expect, test, vi } from 'vitest';
import { splitFrame } from '../src/fragment-core.ts';
import { encodeVerb, FrameWriter, MessageKind } from '../src/frame-core.ts';
import { double, echo, happened } from './support/contracts.ts';
import { ManualClock } from './support/manual-clock.ts';

const packr = new Packr({ useRecords: false });
const subjects = ['node.n1.math', 'events.happened', 'node.n1.replies.0', 'node.n1.replies.1', 'kv.math'];

/** A frame that is almost right: of any version and kind, with any body, perhaps cut in pieces. */
const almost = fc
  .record({
    version: fc.constantFrom(1, 2, 3, 3, 4),
    kind: fc.constantFrom(...Object.values(MessageKind)),
    from: fc.constantFrom('client.raw', 'node.n1', 'nobody', 'node.a b', '*.>'),
    id: fc.constantFrom(0, 1, 2, 4_294_967_295),
    verb: fc.constantFrom('double', 'echo', 'happened', 'other'),
    timeoutMs: fc.constantFrom(0, 1, 1_000, 4_294_967_295),
    body: fc.oneof(fc.anything().map(packAnything), fc.uint8Array({ maxLength: 60 }).map(Buffer.from)),
    cut: fc.boolean(),
  })
  .map(({ version, kind, from, id, verb, timeoutMs, body, cut }) => {
    const writer = new FrameWriter(version, from);
    writer.append(kind, id, encodeVerb(verb), 0, timeoutMs, body);
    const frame = writer.take();
    return cut && frame.length > 4 ? splitFrame(frame, { version, from, kind, id, set: id }, 60) : [frame];
  });

function packAnything(value: unknown): Buffer {
  try {
    return packr.pack(value);
  } catch {
    return Buffer.from([0xc1]);
  }
}

/** One byte changed, or the end lost. */
const damage = fc.record({ at: fc.nat(80), byte: fc.nat(255), lost: fc.nat(3) });

test('whatever bytes arrive, the bus neither throws nor stops answering', async () => {
  const network = memoryNetwork();
  const failures: unknown[] = [];
  const server = memoryBus({ network, cluster: 'dev', self: 'node.n1', onError: (error) => failures.push(error) });
  const client = memoryBus({ network, cluster: 'dev', self: 'client.c1' });
  const raw = network.connect('client.raw');
  server.serve('node.n1.math', double, (n) => n * 2);
  server.serve('node.n1.math', echo, (body) => body);
  server.serve('kv.math', double, (n) => n * 2, { queue: 'kv' });
  server.listen('events.happened', happened, () => {});
  const barrage = fc.array(fc.tuple(fc.constantFrom(...subjects), almost, fc.option(damage)), {
    minLength: 1,
    maxLength: 20,
  });
  await fc.assert(
    fc.asyncProperty(barrage, async (shots) => {
      for (const [subject, frames, damaged] of shots) {
        for (const frame of frames) {
          const payload = Buffer.from(frame);
          if (damaged !== null) payload[damaged.at % payload.length] = damaged.byte;
          const cut = payload.subarray(0, payload.length - (damaged?.lost ?? 0));
          raw.publish(`ringfort.dev.${subject}`, cut, 'ringfort.dev.client.raw.replies.1');
        }
      }
      expect(await client.request('node.n1.math', double, 21, { timeoutMs: 5_000 })).toBe(42);
    }),
    { numRuns: 300 },
  );
  const named = failures.every((error) => (error as { code?: string }).code === 'INVALID_MESSAGE');
  expect(named).toBe(true);
  expect(server.stats().malformed).toBeGreaterThan(0);
  expect(server.stats().running).toBe(0);
  await Promise.all([server.close(), client.close(), raw.close()]);
});

test('malformed events do not fill the log of whoever did not ask to be told', async () => {
  const clock = new ManualClock();
  const network = memoryNetwork({ clock });
  const client = memoryBus({ network, cluster: 'dev', self: 'client.c1', clock });
  const raw = network.connect('client.raw');
  client.listen('events.happened', happened, () => {});
  const details: (string | undefined)[] = [];
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation((_, options) => {
    details.push((options as { detail?: string }).detail);
  });
  const writer = new FrameWriter(3, 'client.raw');
  const flood = async () => {
    for (let count = 0; count < 200; count += 1) {
      writer.append(MessageKind.event, 0, encodeVerb('happened'), 0, 0, Buffer.from([0xc1]));
      raw.publish('ringfort.dev.events.happened', writer.take());
    }
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(1_000);
  };
  try {
    await flood();
    await flood();
    expect(details).toEqual([
      'event happened of client.raw',
      'event happened of client.raw; and 199 more like it before',
    ]);
  } finally {
    warned.mockRestore();
    await Promise.all([client.close(), raw.close()]);
  }
});

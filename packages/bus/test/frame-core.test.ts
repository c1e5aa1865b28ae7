import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MalformedFrameError, ProtocolMismatchError } from '../src/errors.ts';
import { Reassembler, readFragment, splitFrame } from '../src/fragment-core.ts';
import {
  encodeVerb,
  FrameKind,
  FrameWriter,
  MessageKind,
  NO_VERB,
  readHeader,
  readMessages,
} from '../src/frame-core.ts';

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const identity = fc.stringMatching(/^(node|client)\.[A-Za-z0-9_-]{1,64}$/);
const verb = fc.stringMatching(/^[A-Za-z0-9_.-]{1,64}$/);
const message = fc.record({
  kind: fc.constantFrom(...Object.values(MessageKind)),
  id: u32,
  verb: fc.oneof(verb, fc.constant('')),
  barrier: u32,
  timeoutMs: u32,
  body: fc.uint8Array({ maxLength: 300 }),
});
const verbOf = (name: string) => (name === '' ? NO_VERB : encodeVerb(name));
type Message = typeof message extends fc.Arbitrary<infer T> ? T : never;
const version = fc.constantFrom(2, 3);
/** What of a message travels: answers carry an id and a body only, since version 3. */
const carried = (v: number, m: Message): Message =>
  v >= 3 && (m.kind === MessageKind.reply || m.kind === MessageKind.error)
    ? { ...m, verb: '', barrier: 0, timeoutMs: 0 }
    : m;

function encode(writer: FrameWriter, messages: readonly Message[]): Buffer {
  for (const m of messages) writer.append(m.kind, m.id, verbOf(m.verb), m.barrier, m.timeoutMs, m.body);
  return writer.take();
}

function decode(frame: Buffer) {
  const header = readHeader(frame);
  const messages = readMessages(frame, header).map(({ start, end, ...rest }) => ({
    ...rest,
    body: new Uint8Array(frame.subarray(start, end)),
  }));
  return { header, messages };
}

describe('frames', () => {
  test('what is written is read again, frame after frame; answers of version 3 are short', () => {
    const frames = fc.array(fc.array(message, { maxLength: 20 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(version, identity, frames, (v, from, all) => {
        const writer = new FrameWriter(v, from);
        const written = all.map((messages) => encode(writer, messages));
        for (const [index, frame] of written.entries()) {
          const { header, messages } = decode(frame);
          expect(header).toMatchObject({ version: v, from, kind: FrameKind.messages });
          expect(messages).toEqual(all[index]!.map((m) => carried(v, m)));
        }
      }),
    );
  });

  test('large frames keep their bytes while the writer goes on', () => {
    const writer = new FrameWriter(3, 'node.n1');
    const frames = [0, 1, 2].map((fill) => {
      const body = new Uint8Array(40_000).fill(fill);
      return encode(writer, [{ kind: 4, id: 0, verb: 'v', barrier: 0, timeoutMs: 0, body }]);
    });
    for (const [fill, frame] of frames.entries()) {
      expect(decode(frame).messages[0]!.body.every((byte) => byte === fill)).toBe(true);
    }
  });

  test('the size that is foretold is the size that is taken', () => {
    fc.assert(
      fc.property(version, identity, message, (v, from, m) => {
        const writer = new FrameWriter(v, from);
        const foretold = writer.headerBytes + writer.sizeOf(m.kind, verbOf(m.verb), m.body.length);
        expect(encode(writer, [m]).length).toBe(foretold);
      }),
    );
  });

  test('any bytes are read, or refused by name', () => {
    const begun = fc.tuple(version, fc.constantFrom(1, 2), fc.uint8Array({ maxLength: 200 }));
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      begun.map(([v, kind, rest]) => Uint8Array.from([0x52, 0x46, v, kind, ...rest])),
    );
    fc.assert(
      fc.property(anything, (bytes) => {
        try {
          const frame = Buffer.from(bytes);
          const header = readHeader(frame);
          if (header.kind === FrameKind.fragment) readFragment(frame, header);
          else readMessages(frame, header);
        } catch (error) {
          expect([MalformedFrameError, ProtocolMismatchError]).toContain((error as Error).constructor);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('a frame cut anywhere, or with any byte changed, never yields more than was in it', () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 4 }), fc.nat(), fc.nat(255), (messages, at, byte) => {
        const frame = encode(new FrameWriter(3, 'node.n1'), messages);
        const cut = frame.subarray(0, at % frame.length);
        const changed = Buffer.from(frame);
        changed[at % frame.length] = byte;
        for (const bytes of [cut, changed]) {
          try {
            for (const { start, end } of readMessages(bytes, readHeader(bytes))) {
              expect(start).toBeLessThanOrEqual(end);
              expect(end).toBeLessThanOrEqual(bytes.length);
            }
          } catch (error) {
            expect([MalformedFrameError, ProtocolMismatchError]).toContain((error as Error).constructor);
          }
        }
      }),
    );
  });
});

describe('fragments', () => {
  const limits = { maxMessageBytes: 100_000, maxSetsPerSender: 2, maxSenders: 2, maxBytes: 50_000, maxAgeMs: 100 };
  const inner = { version: 3, from: 'node.n1', kind: MessageKind.request, id: 5 };
  const cut = (bytes: Uint8Array, set: number, maxBytes = 100) =>
    splitFrame(Buffer.from(bytes), { ...inner, set }, maxBytes).map((piece) => readFragment(piece, readHeader(piece)));

  test('pieces of several messages join in any order, duplicates and all', () => {
    const whole = fc.uint8Array({ minLength: 101, maxLength: 2_000 });
    fc.assert(
      fc.property(whole, whole, fc.integer({ min: 60, max: 100 }), fc.infiniteStream(fc.nat()), (a, b, max, order) => {
        const reassembler = new Reassembler(limits);
        const pieces = [...cut(a, 1, max), ...cut(b, 2, max)];
        const shuffled = pieces.map((piece) => ({ piece, at: order.next().value })).sort((x, y) => x.at - y.at);
        const joined: Buffer[] = [];
        for (const { piece } of shuffled) {
          for (const once of [piece, piece]) {
            const last = joined.length;
            const result = reassembler.add('node.n1', once, 0);
            if (result !== undefined) joined.push(result);
            if (joined.length > last) break;
          }
        }
        expect(joined.map((bytes) => bytes.toString('hex')).sort()).toEqual(
          [a, b].map((bytes) => Buffer.from(bytes).toString('hex')).sort(),
        );
        expect(reassembler).toMatchObject({ size: 0, abandoned: 0 });
      }),
    );
  });

  test('no piece exceeds the limit that it was cut for', () => {
    const pieces = splitFrame(Buffer.alloc(1_000), { ...inner, set: 1 }, 77);
    expect(pieces.every((piece) => piece.length <= 77)).toBe(true);
    expect(pieces.slice(0, -1).every((piece) => piece.length === 77)).toBe(true);
  });

  test('bounded in count, senders, time and bytes: the oldest is given up', () => {
    const reassembler = new Reassembler(limits);
    const first = (set: number) => cut(new Uint8Array(500), set)[0]!;
    for (const set of [1, 2, 3]) reassembler.add('node.n1', first(set), 0);
    expect(reassembler).toMatchObject({ size: 2, abandoned: 1 });
    reassembler.add('node.n2', first(1), 50);
    reassembler.add('node.n3', first(1), 50);
    expect(reassembler).toMatchObject({ size: 2, abandoned: 3 });
    reassembler.expire(150);
    expect(reassembler.size).toBe(2);
    reassembler.expire(151);
    expect(reassembler).toMatchObject({ size: 0, abandoned: 5 });
    const half = (set: number) => cut(new Uint8Array(60_000), set, 30_100)[0]!;
    reassembler.add('node.n1', half(1), 160);
    reassembler.add('node.n2', half(1), 160);
    expect(reassembler).toMatchObject({ size: 1, abandoned: 6 });
    const tooLarge = { ...first(9), totalBytes: limits.maxMessageBytes + 1 };
    expect(() => reassembler.add('node.n1', tooLarge, 200)).toThrow(MalformedFrameError);
  });

  test('pieces that disagree are refused, and their set is forgotten', () => {
    const reassembler = new Reassembler(limits);
    const [a, b] = cut(new Uint8Array(500), 1);
    reassembler.add('node.n1', a!, 0);
    expect(() => reassembler.add('node.n1', { ...b!, totalBytes: 400 }, 0)).toThrow(MalformedFrameError);
    expect(reassembler.size).toBe(0);
  });
});

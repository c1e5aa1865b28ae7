import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineReader } from '../src/nats-lines.ts';

/** What a reader told, in order; neighbouring rests as one, since pieces cut them anywhere between lines. */
function read(pieces: readonly Buffer[], takes: (sid: number) => boolean): string[] {
  const told: string[] = [];
  let rest = '';
  const endRest = () => {
    if (rest !== '') told.push(`rest ${rest}`);
    rest = '';
  };
  const reader = new LineReader({
    takes,
    message: (sid, bytes, line, payload, end) => {
      endRest();
      told.push(`${sid} ${bytes.toString('latin1', line, payload)}${bytes.toString('latin1', payload, end)}`);
    },
    rest: (bytes) => {
      rest += bytes.toString('latin1');
    },
  });
  for (const piece of pieces) reader.feed(piece);
  endRest();
  return told;
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const cuts = [...new Set(at.map((n) => n % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...cuts, bytes.length].map((end, i) => bytes.subarray(cuts[i - 1] ?? 0, end));
}

const payload = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  fc.constantFrom('', '\r\n', 'MSG a 1 2\r\nhi\r\n', 'PING\r\n'),
);
const line = fc.oneof(
  fc.record({
    head: fc.constant('MSG'),
    sid: fc.integer({ min: 1, max: 4 }),
    reply: fc.constantFrom('', 'a.b.3-17-19 '),
    payload,
  }),
  fc.record({ head: fc.constant('HMSG'), sid: fc.integer({ min: 1, max: 4 }), reply: fc.constant('0 '), payload }),
  fc.constantFrom('PING', 'PONG', '+OK', '-ERR \'Permissions Violation for Publish to "x"\'', 'INFO {"a":1}'),
);

test('every message of a taken subscription is told whole and in order, all else passes, however the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 20 }), (lines, cuts) => {
      const takes = (sid: number) => sid % 2 === 1;
      const expected: string[] = [];
      let all = '';
      let rest = false;
      for (const one of lines) {
        let text: string;
        let taken = false;
        if (typeof one === 'string') text = `${one}\r\n`;
        else {
          const { head, sid, reply, payload: body } = one;
          const start = `${head} ringfort.c.node.n1 ${sid} ${reply}${body.length}\r\n${body}`;
          text = `${start}\r\n`;
          taken = head === 'MSG' && takes(sid);
          if (taken) expected.push(`${sid} ${start}`);
        }
        if (!taken && rest) expected[expected.length - 1] += text;
        else if (!taken) expected.push(`rest ${text}`);
        rest = !taken;
        all += text;
      }
      expect(read(cut(Buffer.from(all, 'latin1'), cuts), takes)).toEqual(expected);
    }),
  );
});

test('whatever bytes arrive, they are told, waited for, or refused as a range error', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    payload.map((text) => Buffer.from(`MSG ${text}\r\n`, 'latin1')),
  );
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 5 }), (pieces) => {
      try {
        read(
          pieces.map((piece) => Buffer.from(piece)),
          () => true,
        );
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }),
  );
});

test('neither a line without end nor a message beyond all bounds is gathered', () => {
  const nothing = () => false;
  expect(() => read([Buffer.alloc(1024 * 1024 + 1, 0x61)], nothing)).toThrow(RangeError);
  expect(() => read([Buffer.from('MSG a 1 99999999999\r\n')], nothing)).toThrow(RangeError);
});

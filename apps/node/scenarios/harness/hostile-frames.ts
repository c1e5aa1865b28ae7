import type { SeededRandom } from '@ringfort/testkit';

/** Frames of the wire protocol made by hand (see the bus' frame layout), mostly wrong. */
const REQUEST = 1;
const PROTOCOL = 3;
/** Since then answers carry no verb, barrier and time. */
const SHORT_ANSWERS = 3;

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
};
const named = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')]);

export function header(version: number, kind: number, from: string): Buffer {
  return Buffer.concat([Buffer.from('RF'), Buffer.from([version, kind]), named(from)]);
}

/** A well-formed frame with one request. */
export function requestFrame(from: string, verb: string, body: Buffer, version = PROTOCOL): Buffer {
  const parts = [
    header(version, 1, from),
    Buffer.from([REQUEST]),
    u32(1),
    named(verb),
    u32(0),
    u32(1_000),
    u32(body.length),
    body,
  ];
  return Buffer.concat(parts);
}

/** The code of an error answer: the body is MessagePack, `[code, message, ...]`. Undefined where the frame is something else. */
export function errorCodeOf(frame: Buffer): string | undefined {
  const at = 5 + frame[4]!;
  if (frame[3] !== 1 || frame[at] !== 3) return undefined;
  const body = frame.subarray(frame[2]! >= SHORT_ANSWERS ? at + 9 : at + 18 + frame[at + 5]!);
  const isFixed = (body[1]! & 0xe0) === 0xa0;
  const length = isFixed ? body[1]! & 0x1f : body[2]!;
  const start = isFixed ? 2 : 3;
  return body.toString('latin1', start, start + length);
}

/** What is served behind a subject, so that the frames get past the first door. */
function verbsOf(subject: string): readonly string[] {
  if (subject.endsWith('.storage')) return ['replica.read', 'replica.write', 'replica.keys'];
  if (subject.endsWith('.membership')) return ['gossip.digest', 'history.compare', 'records.push', 'view'];
  if (subject.includes('.kv.')) return [subject.slice(subject.lastIndexOf('.') + 1)];
  return ['get', 'put', 'delete', 'keys', 'replicas'];
}

/** One hostile payload after the other, of every kind. `captured` are frames of real traffic, to be spoilt. */
export function hostilePayload(
  random: SeededRandom,
  from: string,
  subject: string,
  captured: readonly Buffer[],
): Buffer {
  const verbs = verbsOf(subject);
  const noise = (most: number) => Buffer.from(random.bytes(random.below(most)));
  const kinds: readonly (() => Buffer)[] = [
    () => noise(2_000),
    () => Buffer.concat([header(PROTOCOL, 1, from), noise(400)]),
    // Wrong version.
    () => Buffer.concat([header(random.pick([0, 1, 77, 255]), 1, from), noise(100)]),
    // A verb that is served, with a body that is none; one that is not.
    () => requestFrame(from, random.pick(verbs), noise(300), random.pick([2, 3])),
    () => requestFrame(from, `no-such-${random.below(100)}`, noise(50)),
    // Lengths beyond the frame, identities that are none.
    () =>
      Buffer.concat([
        header(PROTOCOL, 1, from),
        Buffer.from([REQUEST]),
        u32(1),
        named('get'),
        u32(0),
        u32(9),
        u32(0xffff_fff0),
      ]),
    () => requestFrame(`evil/${random.below(99)} *>`, random.pick(verbs), noise(40)),
    // Pieces of messages that never become whole, of any claimed size, from many senders.
    () => {
      const sender = `client.evil${random.below(400)}`;
      const [set, count, total] = [random.below(2 ** 31), 2 + random.below(1_000), random.below(2 ** 31) * 2];
      const numbers = Buffer.from([random.below(2), 0, count & 255, count >> 8]);
      return Buffer.concat([
        header(PROTOCOL, 2, sender),
        u32(set),
        numbers,
        u32(total),
        Buffer.from([REQUEST]),
        u32(7),
        noise(4_000),
      ]);
    },
    // Real frames, cut or spoilt.
    () => {
      const frame = random.pick(captured);
      return frame.subarray(0, random.below(frame.length));
    },
    () => {
      const frame = Buffer.from(random.pick(captured));
      for (let flips = 1 + random.below(8); flips > 0; flips -= 1)
        frame[random.below(frame.length)] = random.below(256);
      return frame;
    },
  ];
  return random.pick(kinds)();
}

import { z } from 'zod';
import { SPOKEN_VERSIONS } from '../../bus/src/contract.ts';
import { Reassembler, readFragment, splitFrame } from '../../bus/src/fragment-core.ts';
import { FrameKind, type FrameMessage, MessageKind, readHeader, readMessages } from '../../bus/src/frame-core.ts';
import { LineReader } from '../../bus/src/nats-lines.ts';
import { decodeFrames, FrameWriter as JournalWriter } from '../../storage/src/journal-codec.ts';
import { primaryKey } from '../../storage/src/keys-core.ts';
import type { SeededRandom } from '../src/index.ts';
import { check, type Edge, judged } from './edge.ts';
import { inPieces, mutated } from './mutate.ts';
import { judgeBody, judgeFrame } from './reference.ts';
import { codecOf, drawAsk, evil, frameOf, packed, served } from './samples.ts';

export function drawFrame(random: SeededRandom): {
  readonly address: string;
  readonly version: number;
  readonly frame: Buffer;
} {
  const version = random.pick(SPOKEN_VERSIONS);
  const first = drawAsk(random);
  const asks = [first];
  while (random.chance(0.3) && asks.length < 8) asks.push(drawAsk(random));
  const bodies = asks.map((ask) => packed(ask.contract, version, ask.body));
  const spoilt = random.chance(0.7) ? bodies.map((body) => mutated(random, body, bodies[0]!)) : bodies;
  return { address: first.address, version, frame: frameOf(version, 1 + random.below(2 ** 31), asks, spoilt) };
}

const reassembler = new Reassembler({
  maxMessageBytes: 4 * 1024 * 1024,
  maxSetsPerSender: 4,
  maxSenders: 16,
  maxBytes: 1024 * 1024,
  maxAgeMs: 1_000,
});
let nowMs = 0;

/** Frames of the wire protocol, whole and in fragments: read as the format says, or refused. */
export const frameEdge: Edge = {
  name: 'frame',
  share: 12,
  make(random) {
    const { frame, version } = drawFrame(random);
    if (random.chance(0.2)) {
      const message = { version, from: evil, kind: MessageKind.request, id: 1, set: random.below(2 ** 31) };
      const parts = splitFrame(frame, message, 60 + random.below(100) + (frame.length >> 4));
      return {
        to: 'fragments',
        parts: parts.map((part) => (random.chance(0.3) ? mutated(random, part, frame) : part)),
      };
    }
    return { to: 'frame', parts: [random.chance(0.7) ? mutated(random, frame, drawFrame(random).frame) : frame] };
  },
  feed({ parts }) {
    let last = '';
    for (const part of parts) last = readFrame(part);
    return last;
  },
};

function readFrame(bytes: Buffer): string {
  const expected = judgeFrame(bytes);
  const read = judged(['MALFORMED_FRAME', 'PROTOCOL_MISMATCH'], () => {
    const header = readHeader(bytes);
    if (header.kind === FrameKind.messages) return { header, messages: readMessages(bytes, header) };
    nowMs += 1;
    const joined = reassembler.add(header.from, readFragment(bytes, header), nowMs);
    return { header, joined };
  });
  if ('code' in read) {
    check(expected === undefined || read.code !== 'MALFORMED_FRAME', 'a frame is refused that is one');
    return read.code;
  }
  const { joined, messages, header } = read.value as {
    joined?: Buffer;
    messages?: FrameMessage[];
    header: { from: string };
  };
  if (messages === undefined) return joined === undefined ? 'a piece' : 'joined';
  const isIdentity = /^(node|client)\.[A-Za-z0-9_-]{1,64}$/.test(header.from);
  check(expected !== undefined || !isIdentity, 'a frame is read that is none');
  if (expected === undefined) return 'no identity'; // which the bus refuses next
  const told = (list: readonly { kind: number; id: number; verb: string; timeoutMs: number }[]) =>
    JSON.stringify(list.map(({ kind, id, verb, timeoutMs }) => [kind, id, verb, timeoutMs]));
  check(told(messages) === told(expected.messages), 'its messages are others');
  return 'read';
}

/** Bodies of all verbs, in both versions: what is taken is what its schema takes. */
export const bodyEdge: Edge = {
  name: 'body',
  share: 12,
  make(random) {
    const { contract, body } = drawAsk(random);
    const version = random.pick(SPOKEN_VERSIONS);
    const [bytes, other] = [packed(contract, version, body), packed(contract, version, body)];
    return { to: `${contract.verb} ${version}`, parts: [mutated(random, bytes, other)] };
  },
  feed({ to, parts: [bytes] }) {
    const [verb, version] = [to.split(' ')[0]!, Number(to.split(' ')[1])];
    const contract = served.get(verb)!;
    // Between other bytes, which are not its own.
    const frame = Buffer.concat([Buffer.alloc(3, 0xff), bytes!, Buffer.alloc(200, 0x61)]);
    const read = judged(['INVALID_MESSAGE'], () =>
      codecOf(contract.request).read('the body of', verb, version, frame, 3, 3 + bytes!.length),
    );
    const expected = judgeBody(contract, version, bytes!);
    if ('code' in read) return read.code;
    check(expected !== 'invalid', `taken, though its schema does not: ${JSON.stringify(read.value)}`);
    const again = contract.request.safeParse(read.value);
    check(
      again.success,
      `its schema does not take ${JSON.stringify(read.value)}: ${again.error && z.prettifyError(again.error)}`,
    );
    return 'accepted';
  },
};

/** What a NATS server would have to send: however it is cut, the same messages are found. */
export const linesEdge: Edge = {
  name: 'nats lines',
  share: 4,
  make(random) {
    const lines = Array.from({ length: 1 + random.below(5) }, () => {
      const payload = Buffer.from(random.bytes(random.below(60)));
      const reply = random.chance(0.5) ? ' r.1' : '';
      const head = random.pick([
        `MSG a.b ${1 + random.below(3)}${reply} ${payload.length}`,
        'PING',
        '+OK',
        'INFO {}',
        "-ERR 'x'",
      ]);
      return Buffer.concat([
        Buffer.from(`${head}\r\n`),
        head.startsWith('MSG') ? payload : Buffer.alloc(0),
        Buffer.from(head.startsWith('MSG') ? '\r\n' : ''),
      ]);
    });
    const bytes = mutated(random, Buffer.concat(lines), lines[0]!);
    return { to: 'lines', parts: inPieces(random, bytes, 12) };
  },
  feed({ parts }) {
    const whole = linesOf([Buffer.concat(parts)]);
    const cut = linesOf(parts);
    // A piece may hold more of what is too long before that is seen.
    if (whole === undefined || cut === undefined) return 'refused';
    check(whole === cut, 'found another in pieces than in one');
    return whole === '' ? 'waits' : 'read';
  },
};

function linesOf(parts: readonly Buffer[]): string | undefined {
  const found: string[] = [];
  const reader = new LineReader({
    takes: (sid) => sid < 3,
    message: (sid, bytes, line, payload, end) =>
      void found.push(`m${sid} ${bytes.toString('latin1', line, payload)} ${bytes.toString('hex', payload, end)};`),
    rest: (bytes) => void found.push(bytes.toString('hex')),
  });
  try {
    for (const part of parts) reader.feed(Buffer.from(part));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  return found.join('');
}

/** Journal files that were torn, damaged or mixed: what is read of them is what was written. */
export const journalEdge: Edge = {
  name: 'journal',
  share: 4,
  make(random) {
    const frames = drawJournal(random);
    const file = Buffer.concat(frames);
    return { to: 'journal', parts: [mutated(random, file, Buffer.concat(frames.slice(1))), file] };
  },
  feed({ parts: [spoilt, file] }) {
    const written = new Map(decodeFrames(file!).map((frame) => [frame.sequence, JSON.stringify(frame.rows)]));
    const read = decodeFrames(spoilt!);
    for (const { sequence, rows } of read)
      check(written.get(sequence) === JSON.stringify(rows), 'a row is replayed that was never written');
    return read.length === 0 ? 'nothing' : 'a part';
  },
};

function drawJournal(random: SeededRandom): Buffer[] {
  const writer = new JournalWriter();
  const first = 1 + random.below(2 ** 20);
  return Array.from({ length: 1 + random.below(4) }, (_, index) => {
    writer.clear();
    for (let rows = 1 + random.below(3); rows > 0; rows -= 1) {
      const key = `k${random.below(9)}`;
      const value = random.bytes(random.below(60));
      const change = { high: random.below(2 ** 31), low: random.below(2 ** 31) };
      if (random.chance(0.5)) writer.record(primaryKey({ partition: 7, bucket: 'b', key }), value, change);
      else writer.row(`M${key}`, random.chance(0.3) ? null : value);
    }
    return Buffer.from(writer.finish(first + index));
  });
}

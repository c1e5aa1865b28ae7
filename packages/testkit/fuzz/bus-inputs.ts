import { splitFrame } from '../../bus/src/fragment-core.ts';
import { encodeVerb, FrameWriter, MessageKind } from '../../bus/src/frame-core.ts';
import type { SeededRandom } from '../src/index.ts';
import type { Input } from './edge.ts';
import { drawFrame } from './frame-edges.ts';
import { mutated } from './mutate.ts';
import { judgeFrame } from './reference.ts';
import { evil, guardedBucket } from './samples.ts';

/** What stands before every address of a cluster that was not named. */
export const PREFIX = 'ringfort.ringfort.';
/** Where answers come to. */
export const REPLIES = `${PREFIX}${evil}.replies`;
/** Messages of these speak with a member's authority once they are valid: the membership believes them, whoever sent them. */
const believed: ReadonlySet<string> = new Set([
  'gossip.digest',
  'history.compare',
  'records.push',
  'ring.changed',
  'node.up',
  'node.down',
]);

/** A frame, or the pieces of one, for a subject of a node, a queue group or a listener. */
export function drawBusInput(random: SeededRandom): Input {
  const drawn = drawFrame(random);
  const { version } = drawn;
  const other = drawFrame(random).frame;
  if (random.chance(0.05))
    return { to: drawReplies(random), parts: [mutated(random, drawAnswers(random, version), other)] };
  const frame = random.chance(0.6) ? mutated(random, drawn.frame, other) : drawn.frame;
  const to = random.chance(0.9)
    ? drawn.address
    : random.pick([drawReplies(random), 'node.n1.ring', 'node.n9.storage', 'kv.none']);
  // What pieces join to is not judged: so nothing that matters is cut.
  if (random.chance(0.9) || mentions(frame, [...believed, guardedBucket])) return { to, parts: [frame] };
  const message = { version, from: evil, kind: MessageKind.request, id: 1, set: random.below(2 ** 31) };
  const pieces = splitFrame(frame, message, 60 + random.below(400) + (frame.length >> 4));
  return { to, parts: pieces.map((part) => (random.chance(0.1) ? mutated(random, part, part) : part)) };
}

/** The reply subject of a node: as it gives them to its requests, or of nobody's. */
function drawReplies(random: SeededRandom): string {
  const number = () => random.pick([0, 1, random.below(2 ** 31), 2 ** 53]);
  const token = random.pick([
    `${number()}`,
    `${number()}-${number()}-${number()}`,
    '-1',
    '0-',
    '%00',
    'NaN',
    'x'.repeat(300),
  ]);
  return `node.n${1 + random.below(3)}.replies.${token}`;
}

/** Answers that nobody waits for. */
function drawAnswers(random: SeededRandom, version: number): Buffer {
  const writer = new FrameWriter(version, `node.n${1 + random.below(4)}`);
  const bodies = [Buffer.from([0x92, 0xa1, 0x41, 0xa1, 0x42]), Buffer.from([0xc0]), Buffer.from([0x90])];
  for (let count = 1 + random.below(4); count > 0; count -= 1) {
    const kind = random.pick([MessageKind.reply, MessageKind.error]);
    const id = random.pick([0, 1, random.below(2 ** 30)]);
    writer.append(kind, id, encodeVerb('get'), 0, 0, random.pick(bodies));
  }
  return Buffer.from(writer.take());
}

/** Why an input is kept back: it is valid, and does what no test could tell from harm. */
export function reasonToKeep({ parts }: Input): string | undefined {
  const taken = parts
    .flatMap((part) => judgeFrame(part)?.messages ?? [])
    .filter(({ judgement }) => judgement !== 'invalid');
  if (taken.some(({ verb }) => believed.has(verb))) return 'not sent: valid news of a member';
  if (taken.length > 0 && mentions(parts[0]!, [guardedBucket])) return 'not sent: valid for a guarded key';
  return undefined;
}

function mentions(part: Buffer, words: Iterable<string>): boolean {
  return [...words].some((word) => part.includes(word, 0, 'latin1'));
}

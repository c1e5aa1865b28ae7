import type { Transport } from '@ringfort/bus';
import { isKnownCode } from '../../../apps/node/src/http/problems.ts';
import { splitFrame } from '../../bus/src/fragment-core.ts';
import { MessageKind } from '../../bus/src/frame-core.ts';
import type { FuzzCluster } from './cluster.ts';
import { check, type Edge, type Problem } from './edge.ts';
import { drawFrame } from './frame-edges.ts';
import { mutated } from './mutate.ts';
import { type JudgedFrame, judgeFrame } from './reference.ts';
import { evil, guardedBucket } from './samples.ts';

const PREFIX = 'ringfort.ringfort.';
const REQUEST = 1;
const REPLY = 2;
/** Messages of these speak with a member's authority once they are valid: the membership believes them, whoever sent them. */
const believed = new Set<string>(['gossip', 'records.push', 'ring.changed', 'node.up', 'node.down']);
const BATCH = 250;
const ANSWER_MS = 8_000;
const tail = /^(node\.n[123]\.(coordinator|storage|membership)|kv\.[a-z]+)$/;

interface Asked {
  readonly index: number;
  readonly isValid: boolean;
}

/** Frames at every subject of a cluster of whole nodes. What is wrong is answered by name, or not at all, and changes nothing. */
export class BusEdge implements Edge {
  readonly name = 'bus';
  readonly share = 14;
  readonly #cluster: FuzzCluster;
  readonly #wire: Transport;
  /** Requests that are to be answered, by id. */
  readonly #open = new Map<number, Asked>();
  readonly #problems: Problem[] = [];
  readonly #answers = new Map<string, number>();

  constructor(cluster: FuzzCluster) {
    this.#cluster = cluster;
    this.#wire = cluster.network.connect(evil);
    this.#wire.subscribe(`${PREFIX}${evil}.replies.*`, undefined, ({ payload, noResponders }) => {
      if (!noResponders) this.#onAnswer(Buffer.from(payload));
    });
  }

  /** How often each answer was given. */
  get answers(): ReadonlyMap<string, number> {
    return this.#answers;
  }

  make(random: Parameters<Edge['make']>[0]) {
    const drawn = drawFrame(random);
    const { version } = drawn;
    const other = drawFrame(random).frame;
    const frame = random.chance(0.6) ? mutated(random, drawn.frame, other) : drawn.frame;
    const replies = `node.n${1 + random.below(3)}.replies.${random.below(2 ** 31)}`;
    const address = random.chance(0.85)
      ? drawn.address
      : random.pick([replies, 'node.n1.ring', 'node.n9.storage', 'kv.none']);
    // What pieces join to is not judged: so nothing that matters is cut.
    if (random.chance(0.9) || mentions(frame, [...believed, guardedBucket])) return { to: address, parts: [frame] };
    const message = { version, from: evil, kind: MessageKind.request, id: 1, set: random.below(2 ** 31) };
    const pieces = splitFrame(frame, message, 60 + random.below(400)).slice(0, 40);
    return { to: address, parts: pieces.map((part) => (random.chance(0.1) ? mutated(random, part, part) : part)) };
  }

  feed({ to, parts }: { to: string; parts: readonly Buffer[] }, index: number): string | Promise<string> {
    const frames = parts.map(judgeFrame);
    const taken = frames.flatMap((frame) => frame?.messages ?? []).filter(({ judgement }) => judgement !== 'invalid');
    if (taken.some(({ verb }) => believed.has(verb))) return 'not sent: valid news of a member';
    if (taken.length > 0 && mentions(parts[0]!, [guardedBucket])) return 'not sent: valid for a guarded key';
    for (const frame of frames) if (frame !== undefined) this.#expect(frame, to, index);
    for (const part of parts) this.#wire.publish(PREFIX + to, part, `${PREFIX}${evil}.replies.1`);
    const outcome = frames[0] === undefined ? 'no frame' : taken.length > 0 ? 'valid' : 'invalid';
    return index % BATCH === 0 ? this.#pause(outcome) : outcome;
  }

  async settle(): Promise<readonly Problem[]> {
    const lateMs = performance.now() + ANSWER_MS;
    while (this.#open.size > 0 && performance.now() < lateMs) await new Promise((resolve) => setTimeout(resolve, 5));
    this.#problems.push(...(await this.#cluster.quiet()));
    for (const [id, { index }] of this.#open) this.#problems.push({ index, what: `request ${id} is not answered` });
    this.#open.clear();
    this.#problems.push(...(await this.#cluster.changes()));
    return this.#problems.splice(0);
  }

  async close(): Promise<void> {
    await this.#wire.close();
  }

  async #pause(outcome: string): Promise<string> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#problems.push(...(await this.#cluster.quiet()));
    return outcome;
  }

  #expect({ from, messages }: JudgedFrame, to: string, index: number): void {
    if (from !== evil || !tail.test(to) || to === 'kv.none') return;
    for (const { kind, id, judgement } of messages) {
      if (kind !== REQUEST) continue;
      const isValid = judgement !== 'invalid' || (this.#open.get(id)?.isValid ?? false);
      this.#open.set(id, { index, isValid });
    }
  }

  #onAnswer(frame: Buffer): void {
    const answered = judgeFrame(frame);
    if (answered === undefined)
      return void this.#problems.push({ index: undefined, what: `an answer is no frame: ${frame.toString('hex')}` });
    let at = 5 + frame[4]!;
    for (const { kind, id } of answered.messages) {
      const isShort = frame[2]! >= 3;
      const lengthAt = isShort ? at + 5 : at + 6 + frame[at + 5]! + 8;
      const end = lengthAt + 4 + frame.readUInt32LE(lengthAt);
      const code = kind === REPLY ? 'a reply' : codeOf(frame.subarray(lengthAt + 4, end));
      at = end;
      this.#answers.set(code, (this.#answers.get(code) ?? 0) + 1);
      const asked = this.#open.get(id);
      this.#open.delete(id);
      const wrong =
        kind === REPLY
          ? asked?.isValid === false && 'an invalid request is replied to'
          : !isNamed(code) && `an error without a name: ${code}`;
      if (wrong) this.#problems.push({ index: asked?.index, what: wrong });
    }
  }
}

/** The code in the body of an error, `[code, message, ...]` in MessagePack. */
function codeOf(body: Buffer): string {
  check(body.length > 2, 'an error has no body');
  const isFixed = (body[1]! & 0xe0) === 0xa0;
  const start = isFixed ? 2 : 3;
  return body.toString('latin1', start, start + (isFixed ? body[1]! & 0x1f : body[2]!));
}

const isNamed = (code: string): boolean => code !== 'INTERNAL' && isKnownCode(code);

function mentions(part: Buffer, words: readonly string[]): boolean {
  return words.some((word) => part.includes(word, 0, 'latin1'));
}

import { isKnownCode } from '../../../apps/node/src/http/problems.ts';
import type { Input, Problem } from './edge.ts';
import { judgeFrame } from './reference.ts';
import { evil } from './samples.ts';

const REQUEST = 1;
const REPLY = 2;
/** Where requests are answered, whatever they are. */
const answering =
  /^(node\.n[123]\.(coordinator|storage|membership|anti-entropy)|kv\.(get|put|delete|keys|replicas|view))$/;

/** Names of errors that nodes tell each other only: no HTTP status stands for them. */
const betweenNodes: ReadonlySet<string> = new Set(['NOT_SHARED', 'BARRIER_MISMATCH', 'EXCHANGE_BUSY']);

interface Asked {
  readonly index: number;
  readonly isValid: boolean;
}

/** Holds answers against what was asked: every request gets one, no invalid one a reply, and errors have names. */
export class BusJudge {
  /** Requests that are to be answered, by id. */
  readonly #open = new Map<number, Asked>();
  readonly #problems: Problem[] = [];
  readonly #answers = new Map<string, number>();

  /** How often each answer was given. */
  get answers(): ReadonlyMap<string, number> {
    return this.#answers;
  }

  get open(): number {
    return this.#open.size;
  }

  /** Told of an input before it is sent. Tells what it is. */
  asks({ to, parts }: Input, index: number): string {
    const frames = parts.map(judgeFrame);
    const messages = frames.flatMap((frame) => (frame?.from === evil && answering.test(to) ? frame.messages : []));
    for (const { kind, id, judgement } of messages) {
      if (kind !== REQUEST) continue;
      const isValid = judgement !== 'invalid' || (this.#open.get(id)?.isValid ?? false);
      this.#open.set(id, { index, isValid });
    }
    if (frames[0] === undefined) return 'no frame';
    return frames[0].messages.some(({ judgement }) => judgement !== 'invalid') ? 'valid' : 'invalid';
  }

  /** Told of a frame that came back. */
  answered(frame: Buffer): void {
    const read = judgeFrame(frame);
    if (read === undefined) return void this.#blame(undefined, `an answer is no frame: ${frame.toString('hex')}`);
    let at = 5 + frame[4]!;
    for (const { kind, id } of read.messages) {
      const lengthAt = frame[2]! >= 3 ? at + 5 : at + 14 + frame[at + 5]!;
      const end = lengthAt + 4 + frame.readUInt32LE(lengthAt);
      this.#judge(kind, id, frame.subarray(lengthAt + 4, end));
      at = end;
    }
  }

  /** What was wrong since the last time; nothing is under way any more. */
  end(): Problem[] {
    for (const [id, { index }] of this.#open) this.#blame(index, `request ${id} is not answered`);
    this.#open.clear();
    return this.#problems.splice(0);
  }

  #judge(kind: number, id: number, body: Buffer): void {
    const code = kind === REPLY ? 'a reply' : codeOf(body);
    this.#answers.set(code, (this.#answers.get(code) ?? 0) + 1);
    const asked = this.#open.get(id);
    this.#open.delete(id);
    if (kind === REPLY && asked?.isValid === false) this.#blame(asked.index, 'an invalid request is replied to');
    if (kind !== REPLY && (code === 'INTERNAL' || !(isKnownCode(code) || betweenNodes.has(code))))
      this.#blame(asked?.index, `an error without a name: ${code}`);
  }

  #blame(index: number | undefined, what: string): void {
    this.#problems.push({ index, what });
  }
}

/** The code in the body of an error, `[code, message, ...]` in MessagePack; empty where there is none. */
function codeOf(body: Buffer): string {
  const isFixed = (body[1]! & 0xe0) === 0xa0;
  const start = isFixed ? 2 : 3;
  return body.toString('latin1', start, start + (isFixed ? body[1]! & 0x1f : body[2]!));
}

import type { Contract } from '@ringfort/bus';
import { type Plan, planOf } from '../../bus/src/body-plan.ts';
import { served } from './samples.ts';

/**
 * A second opinion on frames: read the plain way, by the description of the format and not by the bus' code, and judged by the schemas. What
 * it calls invalid must be refused.
 */
export type Judgement = 'valid' | 'invalid' | 'unknown';

export interface JudgedMessage {
  readonly kind: number;
  readonly id: number;
  readonly verb: string;
  readonly timeoutMs: number;
  readonly judgement: Judgement;
}

export interface JudgedFrame {
  readonly from: string;
  readonly messages: readonly JudgedMessage[];
}

/** MessagePack that has no meaning by itself: which one it has is left to the decoder. */
class Foreign {}
class NotRead extends Error {}

const MAX_DEPTH = 2_000;

class Cursor {
  readonly #bytes: Buffer;
  at = 0;
  foreign = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.at === this.#bytes.length;
  }

  take(count: number): Buffer {
    if (this.at + count > this.#bytes.length) throw new NotRead();
    this.at += count;
    return this.#bytes.subarray(this.at - count, this.at);
  }

  /** Big-endian. */
  number(width: number): number {
    return this.take(width).readUIntBE(0, width);
  }

  value(depth = 0): unknown {
    if (depth > MAX_DEPTH) throw new NotRead();
    const tag = this.number(1);
    if (tag < 0x80) return tag;
    if (tag < 0x90) return this.#map(tag & 15, depth);
    if (tag < 0xa0) return this.#array(tag & 15, depth);
    if (tag < 0xc0) return this.take(tag & 31).toString();
    if (tag >= 0xe0) return tag - 256;
    return this.#tagged(tag, depth);
  }

  #tagged(tag: number, depth: number): unknown {
    if (tag === 0xc0) return null;
    if (tag === 0xc1) throw new NotRead();
    if (tag <= 0xc3) return tag === 0xc3;
    if (tag <= 0xc6) return this.take(this.number(1 << (tag - 0xc4)));
    if (tag <= 0xc9) return this.#extension(this.number(1 << (tag - 0xc7)));
    if (tag === 0xca) return this.take(4).readFloatBE(0);
    if (tag === 0xcb) return this.take(8).readDoubleBE(0);
    if (tag <= 0xce) return this.number(1 << (tag - 0xcc));
    if (tag === 0xcf) return small(this.take(8).readBigUInt64BE(0));
    if (tag <= 0xd2) return this.take(1 << (tag - 0xd0)).readIntBE(0, 1 << (tag - 0xd0));
    if (tag === 0xd3) return small(this.take(8).readBigInt64BE(0));
    if (tag <= 0xd8) return this.#extension(1 << (tag - 0xd4));
    if (tag <= 0xdb) return this.take(this.number(1 << (tag - 0xd9))).toString();
    if (tag <= 0xdd) return this.#array(this.number(tag === 0xdc ? 2 : 4), depth);
    return this.#map(this.number(tag === 0xde ? 2 : 4), depth);
  }

  #extension(length: number): unknown {
    const type = this.number(1);
    const data = this.take(length);
    if (type === 0 && length === 1 && data[0] === 0) return undefined;
    this.foreign = true;
    return new Foreign();
  }

  #array(count: number, depth: number): unknown[] {
    const elements: unknown[] = [];
    for (let i = 0; i < count; i += 1) elements.push(this.value(depth + 1));
    return elements;
  }

  #map(count: number, depth: number): Record<string, unknown> {
    const entries: [string, unknown][] = [];
    for (let i = 0; i < count; i += 1) entries.push([String(this.value(depth + 1)), this.value(depth + 1)]);
    return Object.fromEntries(entries);
  }
}

/** As decoders do that know doubles only: what is beyond them stays large. */
const small = (value: bigint): number | bigint => (BigInt(Number(value)) === value ? Number(value) : value);

/** Names for places, where the schema names fields. */
function named(plan: Plan, value: unknown): unknown {
  if (!Array.isArray(value) || plan.kind === 'value') return value;
  if (plan.kind === 'array') return value.map((element) => named(plan.element, element));
  const known = value.slice(0, plan.keys.length).map((field, place) => named(plan.fields[place]!, field));
  return Object.fromEntries(
    known.map((field, place) => [plan.keys[place], field]).filter(([, field]) => field !== undefined),
  );
}

/** Whether the body is one of the contract's requests. */
export function judgeBody(contract: Contract, version: number, body: Buffer): Judgement {
  const cursor = new Cursor(body);
  let value: unknown;
  try {
    value = cursor.value();
  } catch (error) {
    if (!(error instanceof NotRead)) throw error;
    // An extension may hide how far it reaches.
    return cursor.foreign ? 'unknown' : 'invalid';
  }
  if (cursor.foreign) return 'unknown';
  if (!cursor.done) return 'invalid';
  const whole = version >= 3 ? named(planOf(contract.request), value) : value;
  return contract.request.safeParse(whole).success ? 'valid' : 'invalid';
}

/** A whole frame of messages of a version that is spoken; undefined: it is none. */
export function judgeFrame(bytes: Buffer): JudgedFrame | undefined {
  const isFrame = bytes.length >= 5 && bytes.toString('latin1', 0, 2) === 'RF' && bytes[3] === 1;
  const version = bytes[2]!;
  if (!isFrame || (version !== 2 && version !== 3) || bytes.length < 5 + bytes[4]!) return undefined;
  const from = bytes.toString('latin1', 5, 5 + bytes[4]!);
  if (!/^(node|client)\.[A-Za-z0-9_-]{1,64}$/.test(from)) return undefined;
  const messages: JudgedMessage[] = [];
  let at = 5 + bytes[4]!;
  while (at < bytes.length) {
    const message = judgeMessage(bytes, at, version);
    if (message === undefined) return undefined;
    messages.push(message.judged);
    at = message.end;
  }
  return { from, messages };
}

function judgeMessage(bytes: Buffer, start: number, version: number) {
  if (start + 9 > bytes.length) return undefined;
  const kind = bytes[start]!;
  if (kind < 1 || kind > 4) return undefined;
  const isAnswer = version >= 3 && (kind === 2 || kind === 3);
  const verbEnd = isAnswer ? start + 5 : start + 6 + bytes[start + 5]!;
  const lengthAt = isAnswer ? verbEnd : verbEnd + 8;
  if (lengthAt + 4 > bytes.length) return undefined;
  const end = lengthAt + 4 + bytes.readUInt32LE(lengthAt);
  if (end > bytes.length) return undefined;
  const verb = isAnswer ? '' : bytes.toString('latin1', start + 6, verbEnd);
  const timeoutMs = isAnswer ? 0 : bytes.readUInt32LE(verbEnd + 4);
  const contract = served.get(verb);
  const judgement =
    contract === undefined ? 'invalid' : judgeBody(contract, version, bytes.subarray(lengthAt + 4, end));
  return { judged: { kind, id: bytes.readUInt32LE(start + 1), verb, timeoutMs, judgement }, end };
}

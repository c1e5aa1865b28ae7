import { Unpackr } from 'msgpackr';
import type { ObjectPlan, Plan } from './body-plan.ts';

const unpackr = new Unpackr({ useRecords: false });
/** The part of a frame that msgpackr reads: one object for all, and no view per body. */
const part = { start: 0, end: 0 };
/** Shorter text is read by a loop: the call into native code costs more. */
const SHORT_TEXT = 13;
/** How deep values may be nested. */
const MAX_DEPTH = 256;

/** Reads bodies that a `BodyWriter` wrote, and any other MessagePack. Throws a RangeError for what is none, or not whole. */
export class BodyReader {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;
  #depth = 0;

  /** The body that is exactly `frame.subarray(start, end)`. Bytes in it are views of the frame. */
  read(plan: Plan, frame: Buffer, start: number, end: number): unknown {
    this.#bytes = frame;
    this.#at = start;
    this.#end = end;
    this.#depth = 0;
    const value = this.#planned(plan);
    if (this.#at !== end) throw new RangeError('bytes after the body');
    return value;
  }

  #planned(plan: Plan): unknown {
    if (plan.kind === 'value') return this.#value();
    const count = this.#arrayCount();
    if (count < 0) return this.#value();
    if (plan.kind === 'object') return this.#object(plan, count);
    const elements: unknown[] = [];
    for (let i = 0; i < count; i++) elements.push(this.#planned(plan.element));
    return elements;
  }

  /** Fields that the sender does not know are absent; what it knows beyond ours is passed over. */
  #object(plan: ObjectPlan, count: number): unknown {
    const { keys, fields } = plan;
    const known = Math.min(count, keys.length);
    const value: Record<string, unknown> = {};
    for (let i = 0; i < known; i++) {
      const inner = fields[i]!;
      const field = inner.kind === 'value' ? this.#value() : this.#planned(inner);
      if (field !== undefined) value[keys[i]!] = field;
    }
    for (let i = known; i < count; i++) this.#skip();
    return value;
  }

  /** Reads the head of an array; -1, and nothing is read, when there is none. */
  #arrayCount(): number {
    const tag = this.#tag();
    if (tag >= 0x90 && tag <= 0x9f) {
      this.#at++;
      return tag & 0xf;
    }
    if (tag !== 0xdc && tag !== 0xdd) return -1;
    this.#at++;
    return this.#length(tag === 0xdc ? 2 : 4);
  }

  #value(): unknown {
    const tag = this.#tag();
    if (tag < 0x80) {
      this.#at++;
      return tag;
    }
    if (tag >= 0xa0 && tag <= 0xbf) {
      this.#at++;
      return this.#text(tag & 0x1f);
    }
    if (tag >= 0xc4 && tag <= 0xc6) {
      this.#at++;
      return this.#binary(this.#length(1 << (tag - 0xc4)));
    }
    if (tag >= 0xd9 && tag <= 0xdb) {
      this.#at++;
      return this.#text(this.#length(1 << (tag - 0xd9)));
    }
    if (tag >= 0xcc && tag <= 0xce) {
      this.#at++;
      return this.#length(1 << (tag - 0xcc));
    }
    if (tag === 0xc2 || tag === 0xc3) {
      this.#at++;
      return tag === 0xc3;
    }
    if (tag === 0xd4 && this.#bytes[this.#at + 1] === 0) {
      this.#take(3);
      return undefined;
    }
    return this.#rare(tag);
  }

  #rare(tag: number): unknown {
    if (tag === 0xc0) {
      this.#at++;
      return null;
    }
    if (tag >= 0xe0) {
      this.#at++;
      return tag - 0x100;
    }
    if (tag === 0xcb) {
      const at = this.#take(9);
      return this.#bytes.readDoubleBE(at + 1);
    }
    const count = this.#arrayCount();
    if (count < 0) return this.#foreign();
    if (++this.#depth > MAX_DEPTH) throw new RangeError('nested too deeply');
    const elements: unknown[] = [];
    for (let i = 0; i < count; i++) elements.push(this.#value());
    this.#depth--;
    return elements;
  }

  /** Maps, extensions and large numbers are left to msgpackr. */
  #foreign(): unknown {
    part.start = this.#at;
    this.#skip();
    part.end = this.#at;
    return unpackr.unpack(this.#bytes, part);
  }

  /** Passes over one value, whatever is in it. */
  #skip(): void {
    for (let left = 1; left > 0; left--) {
      const tag = this.#tag();
      this.#at++;
      if (tag < 0x80 || tag >= 0xe0) continue;
      if (tag < 0x90) left += 2 * (tag & 0xf);
      else if (tag < 0xa0) left += tag & 0xf;
      else if (tag < 0xc0) this.#take(tag & 0x1f);
      else left += this.#skipTagged(tag);
    }
  }

  /** Passes over what follows a tag from 0xc0 on, values inside excepted: returns how many those are. */
  #skipTagged(tag: number): number {
    if (tag === 0xc1) throw new RangeError('no MessagePack');
    if (tag <= 0xc3) return 0;
    if (tag <= 0xc6) this.#take(this.#length(1 << (tag - 0xc4)));
    else if (tag <= 0xc9) this.#take(this.#length(1 << (tag - 0xc7)) + 1);
    else if (tag <= 0xcb) this.#take(tag === 0xca ? 4 : 8);
    else if (tag <= 0xd3) this.#take(1 << ((tag - 0xcc) & 3));
    else if (tag <= 0xd8) this.#take(1 + (1 << (tag - 0xd4)));
    else if (tag <= 0xdb) this.#take(this.#length(1 << (tag - 0xd9)));
    else if (tag <= 0xdd) return this.#length(tag === 0xdc ? 2 : 4);
    else return 2 * this.#length(tag === 0xde ? 2 : 4);
    return 0;
  }

  #tag(): number {
    if (this.#at >= this.#end) throw new RangeError('the body ends early');
    return this.#bytes[this.#at]!;
  }

  /** A big-endian number of 1, 2 or 4 bytes. */
  #length(width: number): number {
    const at = this.#take(width);
    const bytes = this.#bytes;
    if (width === 1) return bytes[at]!;
    if (width === 2) return (bytes[at]! << 8) | bytes[at + 1]!;
    return bytes.readUInt32BE(at);
  }

  #text(count: number): string {
    const at = this.#take(count);
    const short = count < SHORT_TEXT ? shortAscii(this.#bytes, at, at + count) : undefined;
    return short ?? this.#bytes.toString('utf8', at, at + count);
  }

  #binary(count: number): Uint8Array {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** Where the next `count` bytes begin, which are then behind. */
  #take(count: number): number {
    const at = this.#at;
    if (at + count > this.#end) throw new RangeError('the body ends early');
    this.#at = at + count;
    return at;
  }
}

/** Text of ASCII alone; `undefined` when it is not. */
function shortAscii(bytes: Buffer, start: number, end: number): string | undefined {
  let text = '';
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const a = bytes[at]!;
    const b = bytes[at + 1]!;
    const c = bytes[at + 2]!;
    const d = bytes[at + 3]!;
    if ((a | b | c | d) > 0x7f) return undefined;
    text += String.fromCharCode(a, b, c, d);
  }
  for (; at < end; at++) {
    const unit = bytes[at]!;
    if (unit > 0x7f) return undefined;
    text += String.fromCharCode(unit);
  }
  return text;
}

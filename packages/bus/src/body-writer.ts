import { Packr, RESET_BUFFER_MODE } from 'msgpackr';
import type { ObjectPlan, Plan } from './body-plan.ts';

const packr = new Packr({ useRecords: false });
const FIRST_BYTES = 16 * 1024;
/** Memory beyond it is given back after use. */
const KEEP_BYTES = 1024 * 1024;
/** Shorter text is written by a loop: the call into native code costs more. */
const SHORT_TEXT = 32;

/** Writes one body after the other, as MessagePack, into memory that it uses again. */
export class BodyWriter {
  bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  length = 0;
  /** Counts the bodies; what `bytes` holds is the last one. */
  bodies = 0;

  begin(): void {
    this.bodies++;
    this.length = 0;
    if (this.bytes.length > KEEP_BYTES) this.bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  }

  write(plan: Plan, value: unknown): void {
    if (plan.kind === 'object' && isObject(value)) this.#object(plan, value);
    else if (plan.kind === 'array' && Array.isArray(value)) {
      this.#arrayHeader(value.length);
      for (const element of value) this.write(plan.element, element);
    } else this.value(value);
  }

  /** Anything, without a plan. What is no scalar, text, bytes or array is left to msgpackr. */
  value(value: unknown): void {
    if (typeof value === 'string') this.#text(value);
    else if (typeof value === 'number') this.#number(value);
    else if (value instanceof Uint8Array) this.#binary(value);
    else if (typeof value === 'boolean') this.#byte(value ? 0xc3 : 0xc2);
    else if (value === undefined) this.#absent();
    else if (value === null) this.#byte(0xc0);
    else if (Array.isArray(value)) {
      this.#arrayHeader(value.length);
      for (const element of value) this.value(element);
    } else this.#raw(packr.pack(value, RESET_BUFFER_MODE));
  }

  #object(plan: ObjectPlan, value: Record<string, unknown>): void {
    const { keys, fields } = plan;
    let count = keys.length;
    while (count > 0 && value[keys[count - 1]!] === undefined) count--;
    this.#arrayHeader(count);
    for (let i = 0; i < count; i++) {
      const field = value[keys[i]!];
      const inner = fields[i]!;
      if (inner.kind === 'value') this.value(field);
      else this.write(inner, field);
    }
  }

  #number(value: number): void {
    this.#room(9);
    const { bytes, length } = this;
    if (!Number.isInteger(value) || value < -32 || value > 0xffffffff) {
      bytes[length] = 0xcb;
      this.length = bytes.writeDoubleBE(value, length + 1);
    } else if (value < 128) {
      bytes[length] = value;
      this.length = length + 1;
    } else if (value < 0x10000) {
      bytes[length] = 0xcd;
      bytes[length + 1] = value >>> 8;
      bytes[length + 2] = value;
      this.length = length + 3;
    } else {
      bytes[length] = 0xce;
      this.length = bytes.writeUInt32BE(value, length + 1);
    }
  }

  #text(text: string): void {
    const units = text.length;
    this.#room(5 + units * 3);
    if (units < SHORT_TEXT && this.#shortAscii(text, units)) return;
    const { bytes, length } = this;
    // The header is as long as the longest text of so many units would need.
    const header = units * 3 < 0x100 ? 2 : units * 3 < 0x10000 ? 3 : 5;
    const written = bytes.write(text, length + header, 'utf8');
    bytes[length] = header === 2 ? 0xd9 : header === 3 ? 0xda : 0xdb;
    writeLength(bytes, length + 1, header - 1, written);
    this.length = length + header + written;
  }

  #shortAscii(text: string, units: number): boolean {
    const { bytes, length } = this;
    for (let i = 0; i < units; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) return false;
      bytes[length + 1 + i] = unit;
    }
    bytes[length] = 0xa0 | units;
    this.length = length + 1 + units;
    return true;
  }

  #binary(value: Uint8Array): void {
    const { length: count } = value;
    this.#room(5 + count);
    const { bytes, length } = this;
    const header = count < 0x100 ? 2 : count < 0x10000 ? 3 : 5;
    bytes[length] = header === 2 ? 0xc4 : header === 3 ? 0xc5 : 0xc6;
    writeLength(bytes, length + 1, header - 1, count);
    bytes.set(value, length + header);
    this.length = length + header + count;
  }

  #arrayHeader(count: number): void {
    this.#room(5);
    const { bytes, length } = this;
    if (count < 16) {
      bytes[length] = 0x90 | count;
      this.length = length + 1;
      return;
    }
    bytes[length] = 0xdd;
    writeLength(bytes, length + 1, 4, count);
    this.length = length + 5;
  }

  /** As msgpackr writes `undefined`. */
  #absent(): void {
    this.#room(3);
    this.bytes[this.length] = 0xd4;
    this.bytes[this.length + 1] = 0;
    this.bytes[this.length + 2] = 0;
    this.length += 3;
  }

  #byte(byte: number): void {
    this.#room(1);
    this.bytes[this.length++] = byte;
  }

  #raw(value: Uint8Array): void {
    this.#room(value.length);
    this.bytes.set(value, this.length);
    this.length += value.length;
  }

  #room(count: number): void {
    if (this.length + count > this.bytes.length) this.#grow(this.length + count);
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }
}

function writeLength(bytes: Buffer, at: number, width: number, value: number): void {
  if (width === 1) bytes[at] = value;
  else if (width === 2) bytes.writeUInt16BE(value, at);
  else bytes.writeUInt32BE(value, at);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

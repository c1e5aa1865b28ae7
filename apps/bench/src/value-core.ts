/** `user000000042`: what YCSB calls its keys, of one length. */
export function keyName(index: number): string {
  return `user${String(index).padStart(9, '0')}`;
}

export const MIN_VALUE_BYTES = 16;
/** Magic (2), key index (4), sequence (4), a check of the two (4). */
const HEADER_BYTES = 14;
const MAGIC = 0x5246;
const POOL_BYTES = 1 << 16;

/** Values that say which write of which key they are, and whose every byte follows from that. */
export class Values {
  readonly #bytes: number;
  readonly #pool: Buffer;

  constructor(valueBytes: number) {
    this.#bytes = valueBytes;
    this.#pool = noise(POOL_BYTES + valueBytes);
  }

  /** The value of the `sequence`-th write of a key: new memory. */
  make(key: number, sequence: number): Buffer {
    const value = Buffer.allocUnsafe(this.#bytes);
    value.writeUInt16LE(MAGIC, 0);
    value.writeUInt32LE(key, 2);
    value.writeUInt32LE(sequence, 6);
    value.writeUInt32LE(checkWord(key, sequence), 10);
    const offset = offsetOf(key, sequence);
    this.#pool.copy(value, HEADER_BYTES, offset, offset + this.#bytes - HEADER_BYTES);
    return value;
  }

  /** The sequence that a value of this key says it is, or what is wrong with it. `whole`: every byte is compared. */
  check(key: number, value: Uint8Array, whole: boolean): { sequence: number } | { wrong: string } {
    if (value.length !== this.#bytes)
      return { wrong: `${keyName(key)}: ${value.length} bytes instead of ${this.#bytes}` };
    if (uint16At(value, 0) !== MAGIC) return { wrong: `${keyName(key)}: not a value of this bench` };
    const claimed = uint32At(value, 2);
    if (claimed !== key) return { wrong: `${keyName(key)}: holds the value of ${keyName(claimed)}` };
    const sequence = uint32At(value, 6);
    if (uint32At(value, 10) !== checkWord(key, sequence)) return { wrong: `${keyName(key)}: its header is damaged` };
    if (whole) {
      const offset = offsetOf(key, sequence);
      const rest = this.#bytes - HEADER_BYTES;
      if (this.#pool.compare(value, HEADER_BYTES, undefined, offset, offset + rest) !== 0) {
        return { wrong: `${keyName(key)}: write ${sequence} is damaged` };
      }
    }
    return { sequence };
  }
}

/** Lowest byte first. */
function uint16At(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

function uint32At(bytes: Uint8Array, at: number): number {
  return (uint16At(bytes, at) | (uint16At(bytes, at + 2) << 16)) >>> 0;
}

/** Differs for any two sequences of a key, and any two keys of a sequence: the factors are odd. */
function checkWord(key: number, sequence: number): number {
  return (Math.imul(key, 0xc2b2ae3d) + Math.imul(sequence, 0x27d4eb2f) + MAGIC) >>> 0;
}

function offsetOf(key: number, sequence: number): number {
  return (Math.imul(key, 0x9e3779b1) ^ Math.imul(sequence, 0x85ebca6b)) & (POOL_BYTES - 1);
}

/** Bytes that do not compress: xorshift32 from a fixed state. */
function noise(bytes: number): Buffer {
  const pool = Buffer.allocUnsafe(bytes);
  let state = 0x2545f491;
  for (let index = 0; index < bytes; index += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    pool[index] = state >>> 24;
  }
  return pool;
}

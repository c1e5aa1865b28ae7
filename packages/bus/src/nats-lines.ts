/** Told of what a stream of NATS protocol holds, in order. */
export interface LineSink {
  /** Whether messages of this subscription are told as such; all others belong to the rest. */
  takes(sid: number): boolean;
  /** A whole message: its line is `bytes.subarray(line, payload)`, its payload `bytes.subarray(payload, end)`. */
  message(sid: number, bytes: Buffer, line: number, payload: number, end: number): void;
  /** Whole lines, with what belongs to them, that are anything else. */
  rest(bytes: Buffer): void;
}

const LF = 0x0a;
const SPACE = 0x20;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const LETTER_H = 0x48;
const LETTER_M = 0x4d;
/** No line is longer, and no message larger: the server's own bounds lie far below. */
const MAX_LINE_BYTES = 1024 * 1024;
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** Finds the messages in a stream of NATS protocol that arrives in pieces. */
export class LineReader {
  readonly #sink: LineSink;
  /** What has arrived of a line or message that is not whole, and how many bytes it takes at least. */
  #pieces: Buffer[] = [];
  #have = 0;
  #need = 0;

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  /** The next piece; its memory is handed over. @throws RangeError for what no NATS server sends */
  feed(piece: Buffer): void {
    let bytes = piece;
    if (this.#have > 0) {
      this.#pieces.push(piece);
      this.#have += piece.length;
      if (this.#have < this.#need) return;
      bytes = Buffer.concat(this.#pieces, this.#have);
    }
    const end = this.#read(bytes);
    this.#have = bytes.length - end;
    this.#pieces = this.#have > 0 ? [bytes.subarray(end)] : [];
  }

  /** Reads what is whole; returns where that ends. */
  #read(bytes: Buffer): number {
    const sink = this.#sink;
    let at = 0;
    let restAt = 0;
    while (at < bytes.length) {
      const payload = bytes.indexOf(LF, at) + 1;
      if (payload === 0) {
        this.#await(bytes.length - at + 1, MAX_LINE_BYTES);
        break;
      }
      const first = bytes[at];
      const carries = first === LETTER_M || first === LETTER_H;
      const end = carries ? payload + sizeOf(bytes, payload) : payload;
      // A payload is followed by an end of line.
      const next = carries ? end + 2 : end;
      if (next > bytes.length) {
        this.#await(next - at, MAX_MESSAGE_BYTES);
        break;
      }
      const sid = first === LETTER_M ? sidOf(bytes, at, payload) : 0;
      if (sid > 0 && sink.takes(sid)) {
        if (restAt < at) sink.rest(bytes.subarray(restAt, at));
        restAt = next;
        sink.message(sid, bytes, at, payload, end);
      }
      at = next;
    }
    if (restAt < at) sink.rest(bytes.subarray(restAt, at));
    return at;
  }

  #await(bytes: number, limit: number): void {
    if (bytes > limit) throw new RangeError(`the NATS server sends ${bytes} bytes in one`);
    this.#need = bytes;
  }
}

/** The last number of the line that ends where the payload begins: the size of the payload. */
function sizeOf(bytes: Buffer, payload: number): number {
  let size = 0;
  let unit = 1;
  for (let at = payload - 3; at >= 0; at--) {
    const digit = bytes[at]!;
    if (digit < DIGIT_0 || digit > DIGIT_9) break;
    size += (digit - DIGIT_0) * unit;
    unit *= 10;
  }
  return size;
}

/** The third word of `MSG subject sid [reply] size`; 0 when there is none. */
function sidOf(bytes: Buffer, line: number, payload: number): number {
  let at = line + 4;
  while (at < payload && bytes[at] !== SPACE) at++;
  let sid = 0;
  for (at++; at < payload; at++) {
    const digit = bytes[at]!;
    if (digit < DIGIT_0 || digit > DIGIT_9) break;
    sid = sid * 10 + (digit - DIGIT_0);
  }
  return sid;
}

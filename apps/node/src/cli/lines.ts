/** Longer than any line that an object of 8 MiB makes. */
const maxLineBytes = 64 * 1024 * 1024;
const newline = 10;

/** A line of text, and its number from 1. */
export interface Line {
  readonly number: number;
  readonly text: string;
}

/** The lines of a stream; empty ones are left out. @throws an error for a line that is longer than an object can be */
export async function* linesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let pieces: Buffer[] = [];
  let bytes = 0;
  let number = 0;
  const take = (last: Buffer): Line => {
    const text = Buffer.concat([...pieces, last]).toString('utf8');
    pieces = [];
    bytes = 0;
    number += 1;
    return { number, text: text.trim() };
  };
  for await (const chunk of stream) {
    let from = 0;
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let end = buffer.indexOf(newline); end >= 0; end = buffer.indexOf(newline, from)) {
      const line = take(buffer.subarray(from, end));
      from = end + 1;
      if (line.text !== '') yield line;
    }
    pieces.push(Buffer.from(buffer.subarray(from)));
    bytes += buffer.length - from;
    if (bytes > maxLineBytes) throw new Error(`line ${number + 1} has more than ${maxLineBytes} bytes`);
  }
  const rest = take(Buffer.alloc(0));
  if (rest.text !== '') yield rest;
}

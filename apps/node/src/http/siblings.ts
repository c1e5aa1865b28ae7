import type { GetReply } from '@ringfort/coordinator/contract';

type Sibling = GetReply['siblings'][number];

/** Context bytes as they stand in the `Ringfort-Context` header. */
export function contextText(context: Uint8Array): string {
  return Buffer.from(context.buffer, context.byteOffset, context.byteLength).toString('base64url');
}

/** The JSON body of a 300. */
export function siblingsJson(siblings: readonly Sibling[], context: Uint8Array | undefined) {
  return {
    ...(context === undefined ? {} : { context: contextText(context) }),
    siblings: siblings.map(({ contentType, value, dot }) => ({
      contentType,
      value: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'),
      dot,
    })),
  };
}

/** The `multipart/mixed` body of a 300 (RFC 2046 section 5.1): one part per sibling, its value raw, its dot in `Ringfort-Dot`. */
export function siblingsMultipart(siblings: readonly Sibling[], boundary: string): Buffer {
  const parts = siblings.flatMap(({ contentType, value, dot }) => [
    Buffer.from(
      `--${boundary}\r\nContent-Type: ${headerSafeType(contentType)}\r\nContent-Length: ${value.byteLength}\r\nRingfort-Dot: ${dot}\r\n\r\n`,
    ),
    value,
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]);
}

/** A stored content type, or raw bytes where it could not stand in a header (it may have come in by another way than HTTP). */
export function headerSafeType(contentType: string): string {
  return /^[\x20-\x7e]+$/.test(contentType) ? contentType : 'application/octet-stream';
}

/** Whether an `Accept` header ranks `multipart/mixed` above JSON (RFC 9110 section 12.5.1); JSON where it says nothing. */
export function prefersMultipart(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  const ranges = accept.split(',').map(parseRange);
  const multipart = quality(ranges, ['multipart/mixed', 'multipart/*', '*/*']);
  const json = quality(ranges, ['application/json', 'application/*', '*/*']);
  return (
    multipart.q > json.q || (multipart.q === json.q && multipart.q > 0 && multipart.specificity < json.specificity)
  );
}

interface MediaRange {
  readonly type: string;
  readonly q: number;
}

function parseRange(text: string): MediaRange {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const q = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1');
  return { type, q: Number.isFinite(q) ? q : 0 };
}

/** The quality of the most specific of the given ranges that is named; `specificity` 0 is the exact type. */
function quality(ranges: readonly MediaRange[], bySpecificity: readonly string[]): { q: number; specificity: number } {
  for (const [specificity, type] of bySpecificity.entries()) {
    const range = ranges.find((candidate) => candidate.type === type);
    if (range !== undefined) return { q: range.q, specificity };
  }
  return { q: 0, specificity: bySpecificity.length };
}

import { Packr, RESET_BUFFER_MODE, Unpackr } from 'msgpackr';
import { wireErrorSchema } from './contract.ts';
import { type BusError, InvalidMessageError } from './errors.ts';
import type { WireError } from './port.ts';

const MAX_ERROR_MESSAGE = 1024;
const MAX_ERROR_DETAILS_BYTES = 8 * 1024;

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });
/** The part of a frame that is read: one object for all, and no view per body. */
const part = { start: 0, end: 0 };

/**
 * A body as it travels (MessagePack), in memory that the next call uses again: copy it, or put it into a frame, at once. (New memory
 * for each body was a sixth of a node's time under load.)
 * @throws InvalidMessageError when it holds what cannot be encoded
 */
export function packBody(what: string, body: unknown): Buffer {
  try {
    return packr.pack(body, RESET_BUFFER_MODE);
  } catch (cause) {
    throw new InvalidMessageError(what, undefined, { cause });
  }
}

/** @throws InvalidMessageError for bytes that are no MessagePack */
export function unpackBody(what: string, frame: Buffer, start: number, end: number): unknown {
  part.start = start;
  part.end = end;
  try {
    return unpackr.unpack(frame, part);
  } catch (cause) {
    throw new InvalidMessageError(what, { reason: 'undecodable' }, { cause });
  }
}

/** An error's code, bounded message and plain details; `undefined` when it has no code, so that its text stays here. */
export function toWireError(error: unknown): WireError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, details } = error as { code?: unknown; details?: unknown };
  if (typeof code !== 'string' || code === '' || code.length > 64) return undefined;
  const message = error.message.slice(0, MAX_ERROR_MESSAGE);
  return isPlain(details) ? { code, message, details } : { code, message };
}

/** A failure of the bus as it travels. */
export function wireErrorOf(error: BusError): WireError {
  return { code: error.code, message: error.message, details: error.details };
}

/** The body of an error message, as of `packBody`; details beyond the bound, or that cannot be encoded, are left out. */
export function packError(error: WireError): Buffer {
  const bare = [error.code, error.message];
  if (error.details === undefined) return packr.pack(bare, RESET_BUFFER_MODE);
  try {
    const full = packr.pack([...bare, error.details], RESET_BUFFER_MODE);
    return full.length <= MAX_ERROR_DETAILS_BYTES ? full : packr.pack(bare, RESET_BUFFER_MODE);
  } catch {
    // Details are an extra: what cannot travel is left out, the error itself is not.
    return packr.pack(bare, RESET_BUFFER_MODE);
  }
}

/** @throws InvalidMessageError */
export function unpackError(frame: Buffer, start: number, end: number): WireError {
  const parsed = wireErrorSchema.safeParse(unpackBody('an error answer', frame, start, end));
  if (!parsed.success) throw new InvalidMessageError('an error answer', { issues: issuesOf(parsed.error) });
  const [code, message, details] = parsed.data;
  return details ? { code, message, details } : { code, message };
}

/** What zod found, short enough to travel. */
export function issuesOf(error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] }): string[] {
  return error.issues.slice(0, 5).map(({ path, message }) => `${path.map(String).join('.')}: ${message}`.slice(0, 200));
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

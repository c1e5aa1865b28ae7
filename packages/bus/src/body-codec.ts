import { Packr, RESET_BUFFER_MODE, Unpackr } from 'msgpackr';
import { z } from 'zod';
import { type Plan, planOf } from './body-plan.ts';
import { BodyReader } from './body-reader.ts';
import { BodyWriter } from './body-writer.ts';
import { POSITIONAL_SINCE, wireErrorSchema } from './contract.ts';
import { type BusError, InvalidMessageError } from './errors.ts';
import type { Contract, WireError } from './port.ts';

const MAX_ERROR_MESSAGE = 1024;
const MAX_ERROR_DETAILS_BYTES = 8 * 1024;

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });
/** The part of a frame that is read: one object for all, and no view per body. */
const part = { start: 0, end: 0 };
/** One for all bodies, of all buses. */
const writer = new BodyWriter();
const reader = new BodyReader();

/** A body as it travels: the first `length` bytes. The memory is used again for the next body: copy it, or put it into a frame, at once. */
export interface PackedBody {
  readonly bytes: Buffer;
  readonly length: number;
}

/** How many bodies were packed so far: while it stands, the last one is still there. */
export function bodiesPacked(): number {
  return writer.bodies;
}

/** Packs, reads and checks the bodies of one schema. Its work on the schema is done when it is first needed, once. */
export class BodyCodec {
  readonly #schema: z.ZodType;
  #plan: Plan | undefined;
  /** The same schema, its check made into straight code by zod: a twentieth of the time. */
  #compiled: z.ZodType | undefined;

  constructor(schema: z.ZodType) {
    this.#schema = schema;
  }

  /**
   * In the form that `version` of the protocol has: since 3 by position, before as maps.
   * @throws InvalidMessageError when it holds what cannot be encoded
   */
  pack(what: string, verb: string, version: number, body: unknown): PackedBody {
    try {
      if (version < POSITIONAL_SINCE) return whole(packr.pack(body, RESET_BUFFER_MODE));
      this.#plan ??= planOf(this.#schema);
      writer.begin();
      writer.write(this.#plan, body);
      return writer;
    } catch (cause) {
      throw new InvalidMessageError(`${what} ${verb}`, undefined, { cause });
    }
  }

  /** @throws InvalidMessageError for bytes that are no MessagePack, and for a body that the schema does not take */
  read(what: string, verb: string, version: number, frame: Buffer, start: number, end: number): unknown {
    let body: unknown;
    try {
      this.#plan ??= planOf(this.#schema);
      body = version < POSITIONAL_SINCE ? unpack(frame, start, end) : reader.read(this.#plan, frame, start, end);
    } catch (cause) {
      throw new InvalidMessageError(`${what} ${verb}`, { reason: 'undecodable' }, { cause });
    }
    this.#compiled ??= z.compile(this.#schema);
    const parsed = this.#compiled.safeParse(body);
    if (parsed.success) return parsed.data;
    throw new InvalidMessageError(`${what} ${verb}`, { verb, issues: issuesOf(parsed.error) });
  }
}

/** The codecs of one contract. */
export interface ContractCodecs {
  readonly request: BodyCodec;
  readonly reply: BodyCodec;
}

const bySchema = new WeakMap<z.ZodType, BodyCodec>();
const byContract = new WeakMap<Contract, ContractCodecs>();

/** Made once for each contract, however often it is asked for. */
export function codecsOf(contract: Contract): ContractCodecs {
  const known = byContract.get(contract);
  if (known !== undefined) return known;
  const codecs = { request: codecOf(contract.request), reply: codecOf(contract.reply) };
  byContract.set(contract, codecs);
  return codecs;
}

function codecOf(schema: z.ZodType): BodyCodec {
  const known = bySchema.get(schema);
  if (known !== undefined) return known;
  const codec = new BodyCodec(schema);
  bySchema.set(schema, codec);
  return codec;
}

function unpack(frame: Buffer, start: number, end: number): unknown {
  part.start = start;
  part.end = end;
  return unpackr.unpack(frame, part);
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

/** The body of an error message, in every version; as of `BodyCodec.pack`. Details beyond the bound, or that cannot be encoded, are left out. */
export function packError(error: WireError): PackedBody {
  const bare = [error.code, error.message];
  if (error.details === undefined) return whole(packr.pack(bare, RESET_BUFFER_MODE));
  try {
    const full = packr.pack([...bare, error.details], RESET_BUFFER_MODE);
    return whole(full.length <= MAX_ERROR_DETAILS_BYTES ? full : packr.pack(bare, RESET_BUFFER_MODE));
  } catch {
    // Details are an extra: what cannot travel is left out, the error itself is not.
    return whole(packr.pack(bare, RESET_BUFFER_MODE));
  }
}

function whole(bytes: Buffer): PackedBody {
  return { bytes, length: bytes.length };
}

/** @throws InvalidMessageError */
export function unpackError(frame: Buffer, start: number, end: number): WireError {
  let body: unknown;
  try {
    body = unpack(frame, start, end);
  } catch (cause) {
    throw new InvalidMessageError('an error answer', { reason: 'undecodable' }, { cause });
  }
  const parsed = wireErrorSchema.safeParse(body);
  if (!parsed.success) throw new InvalidMessageError('an error answer', { issues: issuesOf(parsed.error) });
  const [code, message, details] = parsed.data;
  return details ? { code, message, details } : { code, message };
}

/** What zod found, short enough to travel. */
function issuesOf(error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] }): string[] {
  return error.issues.slice(0, 5).map(({ path, message }) => `${path.map(String).join('.')}: ${message}`.slice(0, 200));
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

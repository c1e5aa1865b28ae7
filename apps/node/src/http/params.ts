import type { Quorum } from '@ringfort/coordinator/contract';
import { type BucketSettings, bucketSettingsSchema } from '@ringfort/ring/contract';
import { z } from 'zod';
import {
  InvalidBucketNameError,
  InvalidContentTypeError,
  InvalidContextHeaderError,
  InvalidKeyError,
  InvalidQueryError,
  InvalidQuorumError,
  InvalidSettingsError,
  KeyTooLongError,
} from './errors.ts';

const maxBucketBytes = 128;
const maxTimeoutMs = 60_000;

/** A bucket name from the path, already percent-decoded. */
export function bucketName(text: string): string {
  const bytes = Buffer.byteLength(text);
  if (bytes < 1 || bytes > maxBucketBytes) throw new InvalidBucketNameError(bytes, maxBucketBytes);
  return text;
}

/** A key from the path, already percent-decoded. */
export function keyName(text: string, maxBytes: number): string {
  if (text === '') throw new InvalidKeyError('the key is empty: give 1 byte at least after /keys/');
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) throw new KeyTooLongError(bytes, maxBytes);
  return text;
}

const quorumText = z
  .string()
  .regex(/^(one|quorum|all|\d{1,3})$/)
  .transform((text) => (/^\d/.test(text) ? Number(text) : (text as 'one' | 'quorum' | 'all')));
const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, `give a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((number) => number >= min && number <= max, `give a whole number from ${min} to ${max}`);

const requestQuerySchema = z.strictObject({
  r: quorumText.optional(),
  w: quorumText.optional(),
  dw: quorumText.optional(),
  sloppy: z
    .enum(['true', 'false'], 'give true or false')
    .transform((text) => text === 'true')
    .optional(),
  timeoutMs: wholeNumber(1, maxTimeoutMs).optional(),
});
export interface RequestQuery {
  readonly r?: Quorum | undefined;
  readonly w?: Quorum | undefined;
  readonly dw?: Quorum | undefined;
  readonly sloppy?: boolean | undefined;
  readonly timeoutMs?: number | undefined;
}

/** The query of a get, put or delete, its quorums held against the bucket's N. */
export function requestQuery(query: unknown, n: number): RequestQuery {
  const checked = requestQuerySchema.safeParse(query);
  if (!checked.success) throw queryError(checked.error, query, n);
  for (const name of ['r', 'w', 'dw'] as const) {
    const value = checked.data[name];
    if (typeof value === 'number' && (value < (name === 'dw' ? 0 : 1) || value > n)) {
      throw new InvalidQuorumError(name, String(value), n);
    }
  }
  return checked.data;
}

const keysQuerySchema = z.strictObject({
  limit: wholeNumber(1, 1000).default(100),
  cursor: z.string().min(1).max(4096).optional(),
});

/** The query of a key listing. */
export function keysQuery(query: unknown): z.infer<typeof keysQuerySchema> {
  const checked = keysQuerySchema.safeParse(query);
  if (!checked.success) throw queryError(checked.error, query, 0);
  return checked.data;
}

const operatorQuerySchema = requestQuerySchema.pick({ timeoutMs: true });

/** The query of what operators ask. */
export function operatorQuery(query: unknown): z.infer<typeof operatorQuerySchema> {
  const checked = operatorQuerySchema.safeParse(query);
  if (!checked.success) throw queryError(checked.error, query, 0);
  return checked.data;
}

const objectsQuerySchema = keysQuerySchema.pick({ cursor: true }).extend(operatorQuerySchema.shape);

/** The query of a page of objects. */
export function objectsQuery(query: unknown): z.infer<typeof objectsQuerySchema> {
  const checked = objectsQuerySchema.safeParse(query);
  if (!checked.success) throw queryError(checked.error, query, 0);
  return checked.data;
}

const scrubQuerySchema = z.strictObject({
  node: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'give the id of a node')
    .optional(),
});

/** The query of scrubs. */
export function scrubQuery(query: unknown): z.infer<typeof scrubQuerySchema> {
  const checked = scrubQuerySchema.safeParse(query);
  if (!checked.success) throw queryError(checked.error, query, 0);
  return checked.data;
}

/** Refuses any query parameter, for routes that take none. */
export function noQuery(query: unknown): void {
  const checked = z.strictObject({}).safeParse(query);
  if (!checked.success) throw queryError(checked.error, query, 0);
}

function queryError(error: z.ZodError, query: unknown, n: number): Error {
  const issue = error.issues[0]!;
  if (issue.code === 'unrecognized_keys') return new InvalidQueryError(issue.keys[0] ?? '', 'is not known here');
  const name = String(issue.path[0]);
  const given = (query as Record<string, unknown>)[name];
  if (Array.isArray(given)) return new InvalidQueryError(name, 'is given more than once');
  if (name === 'r' || name === 'w' || name === 'dw') return new InvalidQuorumError(name, String(given), n);
  return new InvalidQueryError(name, issue.message);
}

/** The bytes of a `Ringfort-Context` header; absent: undefined. Whether they are a context is the coordinator's to judge. */
export function contextHeader(header: string | string[] | undefined): Uint8Array | undefined {
  if (header === undefined) return undefined;
  if (typeof header !== 'string' || !/^[A-Za-z0-9_-]+$/.test(header)) throw new InvalidContextHeaderError();
  const bytes = Buffer.from(header, 'base64url');
  if (bytes.toString('base64url') !== header) throw new InvalidContextHeaderError();
  return bytes;
}

/** The `Content-Type` to keep with a value; absent: undefined. */
export function contentType(header: string | undefined): string | undefined {
  if (header !== undefined && (header.length > 256 || !/^[\x20-\x7e]+$/.test(header)))
    throw new InvalidContentTypeError();
  return header;
}

const settingsBodySchema = z.strictObject({
  n: bucketSettingsSchema.shape.n.default(3),
  r: bucketSettingsSchema.shape.r.optional(),
  w: bucketSettingsSchema.shape.w.optional(),
  dw: bucketSettingsSchema.shape.dw,
  conflict: bucketSettingsSchema.shape.conflict.default('siblings'),
  ttlSeconds: bucketSettingsSchema.shape.ttlSeconds,
});

/** The settings of `PUT /v1/buckets/{bucket}`: what is left out has its default, `r` and `w` a majority of `n`. */
export function bucketSettings(body: Buffer | undefined): BucketSettings {
  const checked = settingsBodySchema.safeParse(parseJson(body));
  if (!checked.success) {
    throw new InvalidSettingsError(
      checked.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`.trim()),
    );
  }
  const { n, conflict, dw, ttlSeconds } = checked.data;
  const majority = Math.floor(n / 2) + 1;
  const { r = majority, w = majority } = checked.data;
  const beyond = Object.entries({ r, w, dw }).filter(([, value]) => value !== undefined && value > n);
  if (beyond.length > 0) throw new InvalidSettingsError(beyond.map(([name]) => `${name} is above n, which is ${n}`));
  return {
    n,
    r,
    w,
    conflict,
    ...(dw === undefined ? {} : { dw }),
    ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
  };
}

function parseJson(body: Buffer | undefined): unknown {
  try {
    return JSON.parse((body ?? Buffer.alloc(0)).toString('utf8'));
  } catch {
    throw new InvalidSettingsError(['the body is not JSON: send an object of n, r, w, dw, conflict, ttlSeconds']);
  }
}

import { isUtf8 } from 'node:buffer';
import { bucketSettingsSchema } from '@ringfort/ring/contract';
import { digestOf } from '@ringfort/storage';
import {
  contextFromText,
  contextToText,
  decodeObject,
  encodeObject,
  formatDot,
  parseDot,
  type Sibling,
} from '@ringfort/versioning';
import { z } from 'zod';

/**
 * An export: a line that says what it is, a line for each key, and one that says that it is whole. Each sibling shows its value, as text where it
 * is UTF-8; dots, clock and digest are what makes it the very object that the cluster held.
 */
const firstLineSchema = z.strictObject({
  ringfort: z.literal('export'),
  version: z.literal(1),
  bucket: z.string().min(1).max(128),
  settings: bucketSettingsSchema,
});
const lastLineSchema = z.strictObject({ end: z.literal(true), keys: z.int().min(0) });
const siblingSchema = z.strictObject({
  dot: z.string(),
  contentType: z.string().optional(),
  /** One of these three. */
  value: z.string().optional(),
  base64: z.base64().optional(),
  deleted: z.literal(true).optional(),
  expiresAtMs: z.int().min(0).optional(),
  stamp: z.strictObject({ wallMs: z.int().min(0), logical: z.int().min(0) }).optional(),
});
const keyLineSchema = z.strictObject({
  key: z.string().min(1),
  siblings: z.array(siblingSchema),
  clock: z.string(),
  digest: z.string().length(16),
});
export type FirstLine = z.infer<typeof firstLineSchema>;
type SiblingJson = z.infer<typeof siblingSchema>;

/** What a line of an export says. */
export type ExportLine =
  | { readonly kind: 'first'; readonly line: FirstLine }
  | { readonly kind: 'key'; readonly key: string; readonly object: Uint8Array }
  | { readonly kind: 'last'; readonly keys: number };

export const firstLine = (bucket: string, settings: FirstLine['settings']): string =>
  JSON.stringify({ ringfort: 'export', version: 1, bucket, settings } satisfies FirstLine);

export const lastLine = (keys: number): string => JSON.stringify({ end: true, keys });

/** The line of a key. @param bytes the canonical bytes of its object */
export function keyLine(key: string, bytes: Uint8Array): string {
  const { siblings, clock } = decodeObject(bytes);
  const line = { key, siblings: siblings.map(siblingJson), clock: contextToText(clock), digest: digestOf(bytes) };
  return JSON.stringify(line satisfies z.infer<typeof keyLineSchema>);
}

function siblingJson({ dot, value, contentType, expiresAtMs, stamp }: Sibling): SiblingJson {
  const text = value === undefined ? undefined : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return {
    dot: formatDot(dot),
    contentType,
    ...(text === undefined
      ? { deleted: true as const }
      : isUtf8(text)
        ? { value: text.toString('utf8') }
        : { base64: text.toString('base64') }),
    ...(expiresAtMs === undefined ? undefined : { expiresAtMs }),
    ...(stamp === undefined ? undefined : { stamp: { wallMs: stamp.wallMs, logical: stamp.logical } }),
  };
}

/** The inverse of {@link firstLine}, {@link keyLine} and {@link lastLine}. Throws a plain error that says what is wrong with the text. */
export function parseLine(text: string): ExportLine {
  const json = parseJson(text);
  if (typeof json === 'object' && json !== null) {
    if ('ringfort' in json) return { kind: 'first', line: checked(firstLineSchema, json) };
    if ('end' in json) return { kind: 'last', keys: checked(lastLineSchema, json).keys };
  }
  const { key, siblings, clock, digest } = checked(keyLineSchema, json);
  const object = encodeObject({ siblings: siblings.map(siblingOf), clock: contextFromText(clock) });
  // A dot names one value for ever: one that was edited would be two values under one name.
  if (digestOf(object) !== digest)
    throw new Error('it is not what was exported (its digest does not match): write changed values with ringfort put');
  return { kind: 'key', key, object };
}

function siblingOf(line: SiblingJson): Sibling {
  const { dot, contentType = '', value, base64, deleted, expiresAtMs, stamp } = line;
  if ([value, base64, deleted].filter((one) => one !== undefined).length !== 1)
    throw new Error('a sibling has one of value, base64 and deleted');
  return {
    dot: parseDot(dot),
    contentType,
    value: value !== undefined ? Buffer.from(value) : base64 !== undefined ? Buffer.from(base64, 'base64') : undefined,
    ...(expiresAtMs === undefined ? undefined : { expiresAtMs }),
    ...(stamp === undefined ? undefined : { stamp }),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('it is not JSON');
  }
}

function checked<T>(schema: z.ZodType<T>, json: unknown): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`it is no line of an export (${issue?.path.join('.') || 'line'}: ${issue?.message})`);
}

import { readFile } from 'node:fs/promises';
import { ask, type Endpoint, keyPath, keysPath } from './api.ts';
import { CommandError, exitCode } from './exit.ts';
import type { CommandIo } from './io.ts';

export interface CommonOptions extends Endpoint {
  readonly json?: boolean | undefined;
  readonly timeoutMs?: string | undefined;
  readonly sloppy?: boolean | undefined;
}
export interface GetOptions extends CommonOptions {
  readonly r?: string | undefined;
}
export interface WriteOptions extends CommonOptions {
  readonly context?: string | undefined;
  readonly r?: string | undefined;
  readonly w?: string | undefined;
  readonly dw?: string | undefined;
}
export interface PutOptions extends WriteOptions {
  readonly file?: string | undefined;
  readonly contentType?: string | undefined;
}
export interface KeysOptions extends CommonOptions {
  readonly limit?: string | undefined;
}

interface SiblingJson {
  readonly contentType: string;
  readonly value: string;
  readonly dot: string;
}

/** `ringfort get`: the value to standard output, its context to standard error. */
export async function get(bucket: string, key: string, options: GetOptions, io: CommandIo): Promise<number> {
  const response = await ask(options, {
    path: keyPath(bucket, key),
    query: { ...common(options), r: options.r },
    headers: { accept: 'application/json' },
    expect: [300, 404],
  });
  const context = response.headers.get('ringfort-context') ?? undefined;
  if (response.status === 404) return absent(response, bucket, key, context, options, io);
  if (response.status === 300) {
    const { siblings } = (await response.json()) as { siblings: SiblingJson[] };
    return showSiblings(bucket, key, siblings, context, options, io);
  }
  const value = Buffer.from(await response.arrayBuffer());
  const contentType = response.headers.get('content-type') ?? 'application/octet-stream';
  if (options.json) {
    io.out(`${JSON.stringify({ context, siblings: [{ contentType, value: value.toString('base64') }] })}\n`);
    return exitCode.done;
  }
  io.out(value);
  io.err(`${value.at(-1) === 10 ? '' : '\n'}context: ${context}`);
  return exitCode.done;
}

async function absent(
  response: Response,
  bucket: string,
  key: string,
  context: string | undefined,
  options: GetOptions,
  io: CommandIo,
): Promise<number> {
  const { code, detail } = (await response.json().catch(() => ({}))) as { code?: string; detail?: string };
  if (code !== 'KEY_NOT_FOUND') {
    throw new CommandError(
      code ?? 'UNEXPECTED_ANSWER',
      detail ?? `HTTP 404 from ${options.url}, which is not a Ringfort node's answer`,
    );
  }
  if (options.json) io.out(`${JSON.stringify({ context, siblings: [] })}\n`);
  else
    io.err(`there is no value under ${bucket}/${key}${context === undefined ? '' : ` (deleted)\ncontext: ${context}`}`);
  return exitCode.notFound;
}

function showSiblings(
  bucket: string,
  key: string,
  siblings: readonly SiblingJson[],
  context: string | undefined,
  options: GetOptions,
  io: CommandIo,
): number {
  if (options.json) {
    io.out(`${JSON.stringify({ context, siblings })}\n`);
    return exitCode.siblings;
  }
  for (const [index, { contentType, value, dot }] of siblings.entries()) {
    const bytes = Buffer.from(value, 'base64');
    io.out(`--- sibling ${index + 1} of ${siblings.length}, dot ${dot}, ${contentType}, ${bytes.length} bytes\n`);
    io.out(bytes);
    if (bytes.at(-1) !== 10) io.out('\n');
  }
  io.err(`${siblings.length} values were written concurrently. Merge them, and write the result with their context:`);
  io.err(`  ringfort put ${shellWord(bucket)} ${shellWord(key)} <merged value> --context ${context}`);
  return exitCode.siblings;
}

/** `ringfort put`: the new context to standard output. */
export async function put(
  bucket: string,
  key: string,
  value: string | undefined,
  options: PutOptions,
  io: CommandIo,
): Promise<number> {
  const body = await valueToPut(value, options.file, io);
  const response = await ask(options, {
    method: 'PUT',
    path: keyPath(bucket, key),
    query: { ...common(options), w: options.w, dw: options.dw },
    headers: {
      'content-type': options.contentType ?? (value === undefined ? undefined : 'text/plain; charset=utf-8'),
      'ringfort-context': options.context,
    },
    body,
  });
  return tellContext(response, options, io);
}

/** `ringfort delete`: the tombstone's context to standard output. */
export async function remove(bucket: string, key: string, options: WriteOptions, io: CommandIo): Promise<number> {
  const response = await ask(options, {
    method: 'DELETE',
    path: keyPath(bucket, key),
    query: { ...common(options), r: options.r, w: options.w, dw: options.dw },
    headers: { 'ringfort-context': options.context },
  });
  return tellContext(response, options, io);
}

/** `ringfort keys`: one key a line, page by page, so that a bucket of any size takes no memory. */
export async function keys(bucket: string, options: KeysOptions, io: CommandIo): Promise<number> {
  let left = options.limit === undefined ? Number.POSITIVE_INFINITY : wholeNumber(options.limit);
  let cursor: string | undefined;
  const path = keysPath(bucket);
  while (left > 0) {
    const query = { limit: String(Math.min(left, 1000)), cursor };
    const page = (await (await ask(options, { path, query })).json()) as { keys: string[]; cursor?: string };
    for (const key of page.keys) io.out(options.json ? `${JSON.stringify(key)}\n` : `${key}\n`);
    left -= page.keys.length;
    cursor = page.cursor;
    if (cursor === undefined) break;
  }
  return exitCode.done;
}

function common({ sloppy, timeoutMs }: CommonOptions): { sloppy: string | undefined; timeoutMs: string | undefined } {
  return { sloppy: sloppy === false ? 'false' : undefined, timeoutMs };
}

function tellContext(response: Response, options: CommonOptions, io: CommandIo): number {
  const context = response.headers.get('ringfort-context') ?? '';
  io.out(options.json ? `${JSON.stringify({ context })}\n` : `${context}\n`);
  return exitCode.done;
}

async function valueToPut(value: string | undefined, file: string | undefined, io: CommandIo): Promise<Uint8Array> {
  const usage = (message: string) => new CommandError('USAGE', message, { exitCode: exitCode.usage });
  if (value !== undefined && file !== undefined) throw usage('give the value or --file, not both');
  if (value !== undefined) return Buffer.from(value);
  if (file === undefined && io.stdinIsTty)
    throw usage('no value: give it as an argument, with --file FILE, or on standard input');
  if (file === undefined || file === '-') return io.readStdin();
  try {
    return await readFile(file);
  } catch (cause) {
    throw new CommandError('FILE_UNREADABLE', `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new CommandError('USAGE', `--limit ${text}: give a whole number of keys, 1 or more`, {
    exitCode: exitCode.usage,
  });
}

function shellWord(text: string): string {
  return /^[\w./:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

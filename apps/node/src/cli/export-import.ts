import { setTimeout as sleep } from 'node:timers/promises';
import type { BucketSettings } from '@ringfort/ring/contract';
import type { ObjectsPage } from '../http/object-routes.ts';
import { ask, bucketPath, type Endpoint } from './api.ts';
import { CommandError, exitCode } from './exit.ts';
import type { CommandIo } from './io.ts';
import { linesOf } from './lines.ts';
import { MergeStream } from './merge-stream.ts';
import { type ExportLine, type FirstLine, firstLine, keyLine, lastLine, parseLine } from './object-line.ts';
import { mebibytes, Progress } from './progress.ts';

const pageTimeoutMs = 10_000;
const pageTries = 6;

/** `ringfort export`: a bucket to standard output, page by page, so that one of any size takes no memory. */
export async function exportBucket(bucket: string, endpoint: Endpoint, io: CommandIo): Promise<number> {
  const path = bucketPath(bucket);
  const settings = (await (await ask(endpoint, { path })).json()) as BucketSettings;
  let [keys, bytes, unreadable] = [0, 0, 0];
  const progress = new Progress(io, () => `${keys} keys, ${mebibytes(bytes)}`);
  const write = async (text: string) => {
    bytes += text.length;
    await io.outTaken(`${text}\n`);
  };
  await write(firstLine(bucket, settings));
  let cursor: string | undefined;
  do {
    const page = await pageAt(endpoint, `${path}/objects`, cursor);
    const lines: string[] = [];
    for (const { key, object } of page.objects) {
      if (object === undefined) {
        unreadable += 1;
        io.err(`${bucket}/${key} is left out: too few of its owners can read it (ringfort inspect says more)`);
      } else lines.push(keyLine(key, Buffer.from(object, 'base64')));
    }
    if (lines.length > 0) await write(lines.join('\n'));
    keys += lines.length;
    cursor = page.cursor;
    progress.tick();
  } while (cursor !== undefined);
  await write(lastLine(keys));
  io.err(
    `${keys} keys of ${bucket} exported, ${mebibytes(bytes)}${unreadable === 0 ? '' : `; ${unreadable} LEFT OUT`}`,
  );
  return unreadable === 0 ? exitCode.done : exitCode.failed;
}

/** A page, asked for again while its partition has too few owners up. */
async function pageAt(endpoint: Endpoint, path: string, cursor: string | undefined): Promise<ObjectsPage> {
  const query = { cursor, timeoutMs: String(pageTimeoutMs) };
  for (let attempt = 1; ; attempt++) {
    try {
      return (await (await ask(endpoint, { path, query })).json()) as ObjectsPage;
    } catch (error) {
      const { status } = (error as CommandError).details as { status?: number };
      if (attempt === pageTries || status === undefined || (status < 500 && status !== 429)) throw error;
      await sleep(200 * 2 ** attempt);
    }
  }
}

/** `ringfort import`: merges an export from standard input into a bucket. Lines that cannot be are named, and the rest goes on. */
export async function importBucket(bucket: string, endpoint: Endpoint, io: CommandIo): Promise<number> {
  if (io.stdinIsTty) {
    throw new CommandError('USAGE', `give an export on standard input: ringfort import ${bucket} < file.ndjson`, {
      exitCode: exitCode.usage,
    });
  }
  const stream = new MergeStream(endpoint, (line) => io.err(line));
  const progress = new Progress(io, () => `${stream.merged} keys merged`);
  let [keys, last] = [0, undefined as number | undefined];
  let begun = false;
  for await (const { number, text } of linesOf(io.stdin())) {
    const line = read(text, number, stream);
    if (!begun) {
      await prepare(bucket, line, endpoint);
      begun = true;
    } else if (line?.kind === 'last') last = line.keys;
    else if (line?.kind === 'key') {
      keys += 1;
      await stream.add({ bucket, key: line.key, object: line.object, place: `line ${number}` });
    } else if (line?.kind === 'first')
      stream.fail(`line ${number}`, 'a second export begins here: import one at a time');
    progress.tick();
  }
  await stream.end();
  const isWhole = last === keys;
  io.err(`${stream.merged} keys merged into ${bucket}${stream.failed === 0 ? '' : `, ${stream.failed} lines FAILED`}`);
  if (!isWhole) io.err('the export is NOT WHOLE: it has no last line, or lines are missing');
  return stream.failed === 0 && isWhole ? exitCode.done : exitCode.failed;
}

function read(text: string, number: number, stream: MergeStream): ExportLine | undefined {
  try {
    return parseLine(text);
  } catch (error) {
    stream.fail(`line ${number}`, (error as Error).message);
    return undefined;
  }
}

/** Objects are merged by the rule that they were written under: the bucket must have it. */
async function prepare(bucket: string, line: ExportLine | undefined, endpoint: Endpoint): Promise<void> {
  if (line?.kind !== 'first') {
    throw new CommandError('NOT_AN_EXPORT', 'line 1: this is no export: make one with ringfort export BUCKET', {
      exitCode: exitCode.usage,
    });
  }
  await makeBucket(bucket, line.line.settings, endpoint);
}

/** Makes a bucket that is not there; one that is must have the same conflict rule. */
export async function makeBucket(bucket: string, settings: FirstLine['settings'], endpoint: Endpoint): Promise<void> {
  const path = bucketPath(bucket);
  const { conflict } = (await (await ask(endpoint, { path })).json()) as BucketSettings;
  if (conflict === settings.conflict) return;
  const made = (await (await ask(endpoint, { path: '/v1/buckets' })).json()) as { buckets: { name: string }[] };
  if (made.buckets.some(({ name }) => name === bucket)) {
    throw new CommandError(
      'BUCKET_CONFLICT_FIXED',
      `bucket ${bucket} is ${conflict} here, what is to be merged was written as ${settings.conflict}: choose another bucket`,
    );
  }
  await ask(endpoint, { method: 'PUT', path, body: Buffer.from(JSON.stringify(settings)) });
}

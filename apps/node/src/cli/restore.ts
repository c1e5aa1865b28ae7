import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { BucketSettings } from '@ringfort/ring/contract';
import { type CopiedRecord, CopyReader, copiedRecord } from '@ringfort/storage';
import { decodeObject, encodeObject, mergeObjects } from '@ringfort/versioning';
import { ask, bucketPath, type Endpoint } from './api.ts';
import { type CopyEntry, type Manifest, readManifest } from './backup-manifest.ts';
import { CommandError, exitCode } from './exit.ts';
import type { CommandIo } from './io.ts';
import { MergeStream } from './merge-stream.ts';
import { mebibytes, Progress } from './progress.ts';

export interface RestoreOptions extends Endpoint {
  /** Only says whether the backup is whole. */
  readonly check?: boolean | undefined;
}

/** `ringfort restore`: merges every object of a backup into the cluster that is asked, of whatever size. */
export async function restore(directory: string, options: RestoreOptions, io: CommandIo): Promise<number> {
  const manifest = await readManifest(directory);
  await verify(directory, manifest, io);
  const { cluster, copies, missing, beganAt } = manifest;
  io.err(`backup of cluster ${cluster}, begun ${beganAt}, of ${copies.length} nodes: whole`);
  if (missing.length > 0) io.err(`it is WITHOUT ${missing.join(', ')}: writes that only these held are not in it`);
  if (options.check === true) return exitCode.done;
  io.err('keys that were deleted since, and whose tombstones have been collected by now, come back');
  await makeBuckets(manifest, options, io);
  const stream = new MergeStream(options, (line) => io.err(line));
  const total = Math.max(...copies.map(({ records }) => records), 1);
  const progress = new Progress(io, () => `${stream.merged} keys merged (the largest copy has ${total})`);
  for (const kind of ['record', 'hint'] as const) {
    for await (const { id, object } of together(directory, copies, kind)) {
      const place = `partition ${id.partition}`;
      if (object === undefined) stream.fail(place, `${id.bucket}/${id.key} cannot be read in any copy`);
      else await stream.add({ bucket: id.bucket, key: id.key, object, place });
      progress.tick();
    }
  }
  await stream.end();
  io.err(`${stream.merged} objects merged${stream.failed === 0 ? '' : `, ${stream.failed} FAILED: run it again`}`);
  return stream.failed === 0 ? exitCode.done : exitCode.failed;
}

/** Reads everything once before anything is written. @throws CommandError `BACKUP_DAMAGED` */
async function verify(directory: string, { copies }: Manifest, io: CommandIo): Promise<void> {
  let bytes = 0;
  const all = copies.reduce((sum, copy) => sum + copy.bytes, 0);
  const progress = new Progress(io, () => `${mebibytes(bytes)} of ${mebibytes(all)} checked`);
  for (const { file, bytes: wanted, sha256 } of copies) {
    const hash = createHash('sha256');
    let found = 0;
    try {
      for await (const piece of createReadStream(join(directory, file))) {
        hash.update(piece as Buffer);
        found += (piece as Buffer).length;
        bytes += (piece as Buffer).length;
        progress.tick();
      }
    } catch (cause) {
      throw damaged(file, (cause as Error).message);
    }
    if (found !== wanted) throw damaged(file, `it has ${found} bytes, ${wanted} were written`);
    if (hash.digest('hex') !== sha256) throw damaged(file, 'its checksum does not match');
  }
}

function damaged(file: string, why: string): CommandError {
  return new CommandError('BACKUP_DAMAGED', `${file}: ${why}. Nothing was restored: use another backup`);
}

/** Makes the buckets that are not there. One that is keeps its settings; its conflict rule must be the same. */
async function makeBuckets({ buckets }: Manifest, options: Endpoint, io: CommandIo): Promise<void> {
  const answer = await (await ask(options, { path: '/v1/buckets' })).json();
  const made = new Map(
    (answer as { buckets: ({ name: string } & BucketSettings)[] }).buckets.map((one) => [one.name, one]),
  );
  for (const { name, settings } of buckets) {
    const there = made.get(name);
    if (there === undefined) {
      await ask(options, { method: 'PUT', path: bucketPath(name), body: Buffer.from(JSON.stringify(settings)) });
    } else if (there.conflict !== settings.conflict) {
      throw new CommandError(
        'BUCKET_CONFLICT_FIXED',
        `bucket ${name} is ${there.conflict} here, and ${settings.conflict} in the backup: nothing was restored`,
      );
    } else if ((['n', 'r', 'w', 'dw', 'ttlSeconds'] as const).some((one) => there[one] !== settings[one])) {
      io.err(`bucket ${name} has other settings here, which stay; in the backup: ${JSON.stringify(settings)}`);
    }
  }
}

/** A record, and its key in the store, by whose order all copies are sorted. */
interface Row {
  readonly order: string;
  readonly record: CopiedRecord;
}

interface Cursor {
  readonly rows: AsyncGenerator<Row>;
  head: Row | undefined;
}

/**
 * The records (or hints) of all copies, each key once: what the copies hold of it, merged. All copies have the same order, so one row of each
 * is in memory.
 */
async function* together(
  directory: string,
  copies: readonly CopyEntry[],
  kind: CopiedRecord['kind'],
): AsyncGenerator<CopiedRecord> {
  const cursors: Cursor[] = [];
  try {
    for (const { file } of copies) {
      const rows = recordsOf(join(directory, file), kind);
      cursors.push({ rows, head: await nextOf(rows) });
    }
    for (;;) {
      const heads = cursors.flatMap(({ head }) => (head === undefined ? [] : [head]));
      if (heads.length === 0) return;
      const first = heads.reduce((least, head) => (head.order < least.order ? head : least));
      let object: Uint8Array | undefined;
      for (const cursor of cursors) {
        if (cursor.head?.order !== first.order) continue;
        object = merged(object, cursor.head.record.object);
        cursor.head = await nextOf(cursor.rows);
      }
      yield { kind, id: first.record.id, object };
    }
  } finally {
    await Promise.all(cursors.map(({ rows }) => rows.return(undefined)));
  }
}

async function nextOf(rows: AsyncGenerator<Row>): Promise<Row | undefined> {
  const { done, value } = await rows.next();
  return done === true ? undefined : value;
}

async function* recordsOf(path: string, kind: CopiedRecord['kind']): AsyncGenerator<Row> {
  const reader = new CopyReader();
  for await (const piece of createReadStream(path)) {
    for (const row of reader.take(piece as Buffer)) {
      const record = copiedRecord(row);
      if (record?.kind === kind) yield { order: row.key, record };
    }
  }
  reader.end();
}

function merged(a: Uint8Array | undefined, b: Uint8Array | undefined): Uint8Array | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  if (Buffer.compare(a, b) === 0) return a;
  return encodeObject(mergeObjects(decodeObject(a), decodeObject(b)));
}

import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { CopyReader, type CopyRow, copiedRecord } from '@ringfort/storage';
import type { ClusterStatus } from '../http/cluster-routes.ts';
import { ask, type Endpoint } from './api.ts';
import { type CopyEntry, type Manifest, manifestName, manifestSchema } from './backup-manifest.ts';
import { CommandError, exitCode } from './exit.ts';
import type { CommandIo } from './io.ts';
import { mebibytes, Progress } from './progress.ts';

export interface BackupOptions extends Endpoint {
  readonly json?: boolean | undefined;
  /** A backup all the same, without the nodes that cannot be reached. */
  readonly allowMissing?: boolean | undefined;
}

const storeIdKey = 'SstoreId';

/** `ringfort backup`: a copy of every member's store, and the manifest that makes it a backup. */
export async function backup(directory: string, options: BackupOptions, io: CommandIo): Promise<number> {
  const began = new Date();
  const cluster = (await (await ask(options, { path: '/v1/cluster' })).json()) as ClusterStatus;
  const { buckets } = (await (await ask(options, { path: '/v1/buckets' })).json()) as {
    buckets: { name: string }[];
  };
  await makeEmpty(directory);
  const copies: CopyEntry[] = [];
  const missing: string[] = [];
  for (const { id } of cluster.nodes) {
    try {
      copies.push(await copyNode(directory, id, options, io));
    } catch (error) {
      if (options.allowMissing !== true || !isAway(error)) throw abandoned(directory, id, error);
      io.err(`${id} is left out: ${(error as Error).message}`);
      missing.push(id);
    }
  }
  if (copies.length === 0) throw new CommandError('NOTHING_COPIED', 'no node could be reached: there is no backup');
  const manifest: Manifest = {
    ringfort: 'backup',
    version: 1,
    cluster: cluster.clusterId,
    ring: cluster.ringVersion,
    beganAt: began.toISOString(),
    endedAt: new Date().toISOString(),
    buckets: buckets.map(({ name, ...settings }) => ({ name, settings })) as Manifest['buckets'],
    copies,
    missing,
  };
  await writeManifest(directory, manifestSchema.parse(manifest));
  io.out(options.json ? `${JSON.stringify(manifest)}\n` : summaryOf(directory, manifest));
  return exitCode.done;
}

function isAway(error: unknown): boolean {
  const { code } = error as { code?: string };
  return ['NO_RESPONDERS', 'PEER_LOST', 'DEADLINE_EXCEEDED', 'BROKEN_OFF'].includes(code ?? '');
}

function abandoned(directory: string, node: string, error: unknown): CommandError {
  const { code = 'INTERNAL', message } = error as { code?: string; message: string };
  const hint = isAway(error) ? '; bring the node back, or leave it out with --allow-missing' : '';
  return new CommandError(code, `${node} could not be copied, ${directory} is NO backup: ${message}${hint}`, {
    cause: error,
  });
}

async function makeEmpty(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const found = await readdir(directory);
  if (found.length === 0) return;
  throw new CommandError('DIRECTORY_NOT_EMPTY', `${directory} is not empty: give a new directory for each backup`, {
    exitCode: exitCode.usage,
  });
}

/** A node's store as a file, named as one only when it is whole and on disk. */
async function copyNode(directory: string, node: string, options: Endpoint, io: CommandIo): Promise<CopyEntry> {
  const file = `${node}.copy`;
  const part = join(directory, `${file}.part`);
  const counts = new CopyCounts();
  const hash = createHash('sha256');
  let bytes = 0;
  const progress = new Progress(io, () => `${node}: ${counts.records} records, ${mebibytes(bytes)}`);
  const handle = await open(part, 'wx');
  try {
    for await (const piece of piecesOf(options, node)) {
      counts.take(piece);
      hash.update(piece);
      bytes += piece.byteLength;
      await handle.writeFile(piece);
      progress.tick();
    }
    counts.end();
    await handle.sync();
  } catch (error) {
    await handle.close();
    await unlink(part);
    throw error;
  }
  await handle.close();
  await rename(part, join(directory, file));
  const { storeId, rows, records, hints, corrupt } = counts;
  io.err(`${node}: ${records} records, ${hints} kept for others, ${mebibytes(bytes)}`);
  if (corrupt > 0) io.err(`${node}: ${corrupt} records cannot be read; the other copies are to have them`);
  return { node, storeId, file, bytes, sha256: hash.digest('hex'), rows, records, hints, corrupt };
}

async function* piecesOf(options: Endpoint, node: string): AsyncGenerator<Uint8Array> {
  const path = `/v1/cluster/nodes/${encodeURIComponent(node)}/copy`;
  const response = await ask(options, { path, isLong: true });
  try {
    for await (const piece of response.body ?? []) yield piece as Uint8Array;
  } catch (cause) {
    throw new CommandError('BROKEN_OFF', `the copy of ${node} was broken off (${(cause as Error).message})`, { cause });
  }
}

/** Reads along, so that what was received is known to be a whole copy. */
class CopyCounts {
  readonly #reader = new CopyReader();
  storeId = '';
  records = 0;
  hints = 0;
  corrupt = 0;

  get rows(): number {
    return this.#reader.rows;
  }

  take(piece: Uint8Array): void {
    for (const row of this.#reader.take(piece)) this.#count(row);
  }

  end(): void {
    this.#reader.end();
  }

  #count(row: CopyRow): void {
    if (row.key === storeIdKey) this.storeId = Buffer.from(row.value).toString();
    const found = copiedRecord(row);
    if (found === undefined) return;
    if (found.kind === 'record') this.records += 1;
    else this.hints += 1;
    if (found.object === undefined) this.corrupt += 1;
  }
}

/** Last, and at once: whoever finds it finds all that it names. */
async function writeManifest(directory: string, manifest: Manifest): Promise<void> {
  const part = join(directory, `${manifestName}.part`);
  const handle = await open(part, 'wx');
  try {
    await handle.writeFile(`${JSON.stringify(manifest, undefined, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(part, join(directory, manifestName));
  const parent = await open(directory, 'r');
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
}

function summaryOf(directory: string, { cluster, copies, missing }: Manifest): string {
  const bytes = copies.reduce((sum, copy) => sum + copy.bytes, 0);
  const without = missing.length === 0 ? '' : `; WITHOUT ${missing.join(', ')}`;
  return `backup of cluster ${cluster} in ${directory}: ${copies.length} nodes, ${mebibytes(bytes)}${without}\n`;
}

import { partitionOf } from '@ringfort/ring';
import { openLmdbStore, type StoreEngine } from '@ringfort/storage';
import { contextOf, encodeObject, updateObject, type VersionedObject } from '@ringfort/versioning';
import { BenchError } from '../errors.ts';
import { keyName } from '../value-core.ts';

const BUCKET = 'bench';
const PARTITIONS = 256;
/** Writes that wait for a batch of the store. */
const BATCH = 2_048;
/** Who wrote it all: a run that no node has. */
const ACTOR = '00000000000000be-0';

/** What is written into stores that no node has open. */
export interface Filling {
  /** Numbers of keys. */
  readonly keys: Iterable<number>;
  /** How often each key was written by then: the later version overwrites the earlier. */
  readonly version: number;
  readonly valueBytes: number;
  readonly onWritten: (count: number) => void;
  readonly signal: AbortSignal;
}

/** Writes the same objects into a store's folder as replicas would have received them. Resolves with their bytes. */
export async function fill(directory: string, filling: Filling): Promise<number> {
  const { keys, version, valueBytes, onWritten, signal } = filling;
  const store = await open(directory);
  try {
    const value = new Uint8Array(valueBytes).fill(version);
    const bytes = encodeObject(objectOf(version, value));
    let written = 0;
    let batch: Promise<unknown>[] = [];
    const flush = async () => {
      signal.throwIfAborted();
      written += batch.length;
      onWritten(batch.length);
      await Promise.all(batch.splice(0));
    };
    for (const key of keys) {
      const name = keyName(key);
      batch.push(store.write({ partition: partitionOf(BUCKET, name, PARTITIONS), bucket: BUCKET, key: name }, bytes));
      if (batch.length === BATCH) await flush();
    }
    await flush();
    batch = [];
    return written * bytes.length;
  } finally {
    await store.close();
  }
}

/** @throws `BENCH_NOT_EQUAL` unless all stores hold the same in every partition */
export async function assertEqual(directories: readonly string[]): Promise<void> {
  const stores: StoreEngine[] = [];
  try {
    for (const directory of directories) stores.push(await open(directory));
    const differing = Array.from({ length: PARTITIONS }, (_, partition) => partition).filter(
      (partition) => new Set(stores.map((store) => store.root(partition))).size > 1,
    );
    if (differing.length === 0) return;
    const message = `replicas of ${differing.length} partitions differ after anti-entropy said that they are equal, so there is no result`;
    throw new BenchError('BENCH_NOT_EQUAL', message, { differing });
  } finally {
    for (const store of stores) await store.close();
  }
}

function open(directory: string): Promise<StoreEngine> {
  return openLmdbStore({ directory, durability: 'interval', maxHintBytesPerTarget: 0 });
}

function objectOf(version: number, value: Uint8Array): VersionedObject {
  let object: VersionedObject | undefined;
  for (let counter = 1; counter <= version; counter += 1) {
    const payload = { value, contentType: 'application/octet-stream' };
    object = updateObject(object, object && contextOf(object), { actor: ACTOR, counter }, payload);
  }
  return object!;
}

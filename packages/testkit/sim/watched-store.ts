import { CorruptRecordError, type RecordId, type Store, type StoredRecord, type WriteResult } from '@ringfort/storage';
import { decodeObject, type VersionedObject } from '@ringfort/versioning';

/** Told of all that is written to any store. */
export interface StoreWatcher {
  /** A store is handed the object, and has not stored it yet. */
  objectSeen?(node: string, id: RecordId, object: VersionedObject, how: string): void;
  /** The store says that it has it; `durable`: on disk. */
  objectStored?(node: string, id: RecordId, object: VersionedObject, durable: boolean): void;
  /** The store has forgotten a record of a partition that is not its node's. */
  recordDropped?(node: string, id: RecordId, object: VersionedObject): void;
  /** The store has collected what it was asked to of these keys, as far as it was still so. */
  collected?(node: string, keys: readonly string[], count: number): void;
  /** The store owes the stand-in record to nobody any more, and has dropped it; `kept`: what it holds as a replica itself. */
  hintDropped?(node: string, id: RecordId, object: VersionedObject, kept: VersionedObject | undefined): void;
}

/** Tells several. */
export function watchers(all: readonly StoreWatcher[]): Required<StoreWatcher> {
  return {
    objectSeen: (...seen) => {
      for (const one of all) one.objectSeen?.(...seen);
    },
    objectStored: (...stored) => {
      for (const one of all) one.objectStored?.(...stored);
    },
    recordDropped: (...dropped) => {
      for (const one of all) one.recordDropped?.(...dropped);
    },
    collected: (...collected) => {
      for (const one of all) one.collected?.(...collected);
    },
    hintDropped: (...dropped) => {
      for (const one of all) one.hintDropped?.(...dropped);
    },
  };
}

/** The store itself, but for a watcher who sees what is written, and one who is told of stand-in records that are not taken. */
export function watchedStore<Watched extends Store>(
  store: Watched,
  node: string,
  watcher: StoreWatcher,
  onRefused: (key: string, error: unknown) => void,
): Watched {
  const see = (id: RecordId, bytes: Uint8Array, how: string): ((result: WriteResult) => WriteResult) => {
    const object = decodeObject(bytes);
    watcher.objectSeen?.(node, id, object, how);
    return (result) => {
      watcher.objectStored?.(node, id, object, result.durable);
      return result;
    };
  };
  const watched: Pick<Store, 'write' | 'submit' | 'writeHint' | 'hintDelivered' | 'dropRecords' | 'collect'> = {
    write(id, bytes, options) {
      const stored = see(id, bytes, 'write');
      return store.write(id, bytes, options).then(stored);
    },
    submit(id, bytes, options, done) {
      const stored = see(id, bytes, 'write');
      store.submit(id, bytes, options, (error, result) => done(error, result && stored(result)));
    },
    writeHint(id, bytes, owedTo, options) {
      const stored = see(id, bytes, `hint for ${owedTo.join(' ')}`);
      const written = store.writeHint(id, bytes, owedTo, options);
      written.catch((error: unknown) => onRefused(id.key, error));
      return written.then(stored);
    },
    async dropRecords(partition, expected, maxItems) {
      const { items } = store.fold({ partition }, ALL);
      const dropped = await store.dropRecords(partition, expected, maxItems);
      for (const { id, record } of items)
        if (record !== undefined && readable(store).read(id) === undefined)
          watcher.recordDropped?.(node, id, record.object);
      return dropped;
    },
    async collect(partition, records) {
      const count = await store.collect(partition, records);
      const keys = records.map(({ key, left }) => (left === undefined ? key : `(the clock of) ${key}`));
      if (count > 0) watcher.collected?.(node, keys, count);
      return count;
    },
    async hintDelivered(id, target, digest) {
      const before = readable(store).readHint(id);
      await store.hintDelivered(id, target, digest);
      if (before !== undefined && readable(store).readHint(id) === undefined)
        watcher.hintDropped?.(node, id, before.object, readable(store).read(id)?.object);
    },
  };
  const bound = new Map<PropertyKey, unknown>(Object.entries(watched));
  return new Proxy(store, {
    get(target, name) {
      const known = bound.get(name);
      if (known !== undefined) return known;
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const method: unknown = value.bind(target);
      bound.set(name, method);
      return method;
    },
  });
}

const ALL = { maxItems: Number.POSITIVE_INFINITY, maxBytes: Number.POSITIVE_INFINITY };

export type Readable = Pick<Store, 'read' | 'readHint'>;

/** For a look from outside: a corrupt record is not there. */
export function readable(store: Readable): Readable {
  const whole = (read: () => StoredRecord | undefined) => {
    try {
      return read();
    } catch (error) {
      if (error instanceof CorruptRecordError) return undefined;
      throw error;
    }
  };
  return { read: (id) => whole(() => store.read(id)), readHint: (id) => whole(() => store.readHint(id)) };
}

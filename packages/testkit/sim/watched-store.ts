import { CorruptRecordError, type RecordId, type Store, type StoredRecord } from '@ringfort/storage';
import { decodeObject, type VersionedObject } from '@ringfort/versioning';

/** Told of every object that a store is handed, before it is stored. */
export interface StoreWatcher {
  objectSeen(node: string, id: RecordId, object: VersionedObject, how: string): void;
}

/** The store itself, but for a watcher who sees what is written, and one who is told of stand-in records that are not taken. */
export function watchedStore(
  store: Store,
  node: string,
  watcher: StoreWatcher,
  onRefused: (key: string, error: unknown) => void,
): Store {
  const see = (id: RecordId, bytes: Uint8Array, how: string) => watcher.objectSeen(node, id, decodeObject(bytes), how);
  const watched: Pick<Store, 'write' | 'submit' | 'writeHint'> = {
    write(id, bytes, options) {
      see(id, bytes, 'write');
      return store.write(id, bytes, options);
    },
    submit(id, bytes, options, done) {
      see(id, bytes, 'write');
      store.submit(id, bytes, options, done);
    },
    writeHint(id, bytes, owedTo, options) {
      see(id, bytes, `hint for ${owedTo.join(' ')}`);
      const written = store.writeHint(id, bytes, owedTo, options);
      written.catch((error: unknown) => onRefused(id.key, error));
      return written;
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

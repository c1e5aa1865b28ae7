import { contextOf, encodeObject, mergeObjects, updateObject, type VersionedObject } from '@ringfort/versioning';
import { hash64, hex64 } from '../../src/hash.ts';
import { leavesPerPartition } from '../../src/index.ts';
import { primaryKey } from '../../src/keys-core.ts';
import type { StoreEngine } from '../../src/store-engine.ts';

const encoder = new TextEncoder();

/** An object with one sibling: a blind write of `text` by an actor. */
export function blind(actor: string, counter: number, text: string | undefined, expiresAtMs?: number): VersionedObject {
  const value = text === undefined ? undefined : encoder.encode(text);
  return updateObject(
    undefined,
    undefined,
    { actor, counter },
    { value, contentType: 'text/plain', ...(expiresAtMs === undefined ? {} : { expiresAtMs }) },
  );
}

/** A write that has seen all of `object`. */
export function after(
  object: VersionedObject,
  actor: string,
  counter: number,
  text: string | undefined,
): VersionedObject {
  const value = text === undefined ? undefined : encoder.encode(text);
  return updateObject(object, contextOf(object), { actor, counter }, { value, contentType: 'text/plain' });
}

export const bytesOf = encodeObject;
export const mergeAll = (objects: readonly VersionedObject[]): VersionedObject => objects.reduce(mergeObjects);
export const textsOf = (object: VersionedObject): string[] =>
  object.siblings.map(({ value }) => (value === undefined ? 'deleted' : Buffer.from(value).toString())).sort();

/** Leaves as they follow from the records, by another way than the store's. */
export function leavesByFold(store: StoreEngine, partition: number): Map<number, string> {
  const leaves = new Map<number, bigint>();
  for (const { id, record } of store.fold({ partition }, { maxItems: 100_000, maxBytes: 1 << 30 }).items) {
    const key = Buffer.from(primaryKey(id), 'latin1');
    const leaf = Number(hash64(key) % BigInt(leavesPerPartition));
    leaves.set(leaf, (leaves.get(leaf) ?? 0n) ^ hash64(key, BigInt(`0x${record.digest}`)));
  }
  return new Map([...leaves].filter(([, value]) => value !== 0n).map(([leaf, value]) => [leaf, hex64(value)]));
}

import { contextOf, encodeObject, mergeObjects, updateObject, type VersionedObject } from '@ringfort/versioning';
import { type Hash64, hash64, hex64 } from '../../src/hash.ts';
import { primaryKey } from '../../src/keys-core.ts';
import { leafPlace, leafShare } from '../../src/leaves.ts';
import type { RecordId } from '../../src/port.ts';
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
export function leavesByFold(
  store: StoreEngine,
  partition: number,
  isMeant: (id: RecordId) => boolean = () => true,
): Map<number, string> {
  const leaves = new Map<number, Hash64>();
  for (const { id, record } of store.fold({ partition }, { maxItems: 100_000, maxBytes: 1 << 30 }).items) {
    if (record === undefined || !isMeant(id)) continue;
    const { leaf, keyHash } = leafPlace(primaryKey(id));
    const share = leafShare(keyHash, hash64(record.bytes));
    const { high, low } = leaves.get(leaf) ?? { high: 0, low: 0 };
    leaves.set(leaf, { high: high ^ share.high, low: low ^ share.low });
  }
  return new Map(
    [...leaves].map(([leaf, sum]): [number, string] => [leaf, hex64(sum)]).filter(([, hex]) => !/^0*$/.test(hex)),
  );
}

/** What leaves sum up to. */
export function xorOf(leaves: ReadonlyMap<number, string>): string {
  let sum = 0n;
  for (const hex of leaves.values()) sum ^= BigInt(`0x${hex}`);
  return sum.toString(16).padStart(16, '0');
}

export const rootByFold = (store: StoreEngine, partition: number): string => xorOf(leavesByFold(store, partition));

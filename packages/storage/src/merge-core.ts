import {
  type ActorId,
  decodeObject,
  encodeObject,
  highestCounter,
  mergeObjects,
  type VersionedObject,
} from '@ringfort/versioning';
import { hash64 } from './hash.ts';
import { encodeRecord, type RecordView } from './record-codec.ts';

/** What a write does to the record under its id. */
export interface MergeOutcome {
  /** The record to store; undefined: what is stored stays as it is. */
  readonly record: Uint8Array | undefined;
  readonly hash: bigint;
  /** The object as stored now, when it differs from what was handed in. */
  readonly merged: Uint8Array | undefined;
  readonly foreign?: SeenAhead | undefined;
}

/** An object from elsewhere names a dot of the held record's own actor beyond what the record knows. */
export interface SeenAhead {
  readonly actor: ActorId;
  readonly seen: number;
  readonly known: number;
}

/**
 * Merges incoming canonical bytes into what is held. The actor that is given is kept beside the record, otherwise the one held stays.
 * @throws the error of `decodeObject` for bytes that are no object
 */
export function mergeRecord(
  held: RecordView | undefined,
  incoming: Uint8Array,
  actor: ActorId | undefined,
): MergeOutcome {
  const hash = hash64(incoming);
  if (held !== undefined && held.hash === hash) {
    const sameActor = actor === undefined || actor === held.actor;
    return { record: sameActor ? undefined : encodeRecord(incoming, hash, actor), hash, merged: undefined };
  }
  const object = decodeObject(incoming);
  if (held === undefined) return { record: encodeRecord(incoming, hash, actor), hash, merged: undefined };
  const kept = actor ?? held.actor;
  const foreign = actor === undefined ? seenAhead(held, object) : undefined;
  const merged = mergeObjects(held.object, object);
  if (merged === object) return { record: encodeRecord(incoming, hash, kept), hash, merged: undefined, foreign };
  if (merged === held.object) {
    const record = kept === held.actor ? undefined : encodeRecord(held.bytes, held.hash, kept);
    return { record, hash: held.hash, merged: held.bytes };
  }
  const bytes = encodeObject(merged);
  const mergedHash = hash64(bytes);
  return {
    record: encodeRecord(bytes, mergedHash, kept),
    hash: mergedHash,
    merged: mergedHash === hash ? undefined : bytes,
    foreign,
  };
}

function seenAhead(held: RecordView, object: VersionedObject): SeenAhead | undefined {
  const { actor } = held;
  if (actor === undefined) return undefined;
  const known = highestCounter(held.object.clock, actor);
  const seen = highestCounter(object.clock, actor);
  return seen > known ? { actor, seen, known } : undefined;
}

import {
  type ActorId,
  decodeObject,
  encodeObject,
  highestCounter,
  mergeObjects,
  replaces,
  type VersionedObject,
  vectorEntryOf,
} from '@ringfort/versioning';
import { type Hash64, hash64, sameHash } from './hash.ts';
import type { RecordId } from './port.ts';
import { RecordView } from './record-codec.ts';

/** What a write does to the record under its id. */
export interface MergeOutcome {
  /** What is stored from now on; the record that was held, when nothing is to be stored. */
  readonly after: RecordView;
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
  id: RecordId,
  held: RecordView | undefined,
  incoming: Uint8Array,
  actor: ActorId | undefined,
): MergeOutcome {
  const hash = hash64(incoming);
  if (held === undefined) {
    decodeObject(incoming);
    return { after: RecordView.make(incoming, hash, actor, id), merged: undefined };
  }
  const kept = actor ?? held.actor;
  if (sameHash(held, hash)) {
    const after = kept === held.actor ? held : RecordView.make(incoming, hash, kept, id);
    return { after, merged: undefined };
  }
  const asked = actor === undefined ? held.actor : undefined;
  if (replaces(incoming, held.memory, held.start)) {
    const foreign = asked === undefined ? undefined : aheadOf(held, incoming, asked);
    return { after: RecordView.make(incoming, hash, kept, id), merged: undefined, foreign };
  }
  return mergeDecoded(id, held, { bytes: incoming, object: decodeObject(incoming), hash }, kept, asked);
}

/** The general case, which {@link replaces} is a short cut of. */
function mergeDecoded(
  id: RecordId,
  held: RecordView,
  incoming: { readonly bytes: Uint8Array; readonly object: VersionedObject; readonly hash: Hash64 },
  kept: ActorId | undefined,
  asked: ActorId | undefined,
): MergeOutcome {
  const { bytes, object, hash } = incoming;
  const foreign = asked === undefined ? undefined : seenAhead(held.object, object, asked);
  const merged = mergeObjects(held.object, object);
  if (merged === object) return { after: RecordView.make(bytes, hash, kept, id), merged: undefined, foreign };
  if (merged === held.object) {
    const after = kept === held.actor ? held : RecordView.make(held.bytes, held, kept, id);
    return { after, merged: held.bytes };
  }
  const mergedBytes = encodeObject(merged);
  const mergedHash = hash64(mergedBytes);
  return {
    after: RecordView.make(mergedBytes, mergedHash, kept, id),
    merged: sameHash(mergedHash, hash) ? undefined : mergedBytes,
    foreign,
  };
}

function seenAhead(held: VersionedObject, object: VersionedObject, actor: ActorId): SeenAhead | undefined {
  const known = highestCounter(held.clock, actor);
  const seen = highestCounter(object.clock, actor);
  return seen > known ? { actor, seen, known } : undefined;
}

/** The same by encodings, where one {@link replaces} the other. */
function aheadOf(held: RecordView, incoming: Uint8Array, actor: ActorId): SeenAhead | undefined {
  const known = vectorEntryOf(held.memory, actor, held.start);
  const seen = vectorEntryOf(incoming, actor);
  return seen > known ? { actor, seen, known } : undefined;
}

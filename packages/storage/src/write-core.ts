import { type ActorId, decodeObject, highestCounter } from '@ringfort/versioning';
import { CorruptRecordError, HintsFullError } from './errors.ts';
import { hash64 } from './hash.ts';
import { decodeHint, decodeOwedRow, encodeHint, encodeOwedRow, type OwedRow } from './hint-codec.ts';
import { type ByteKey, encodeId, owedKey } from './keys-core.ts';
import { mergeRecord, type SeenAhead } from './merge-core.ts';
import type { Collected, RecordId } from './port.ts';
import { RecordView, readable } from './record-codec.ts';
import type { Stage } from './stage.ts';

/** What a write did, before it is known whether it is on disk. */
export interface Written {
  /** What is stored now. */
  readonly after: RecordView;
  readonly merged: Uint8Array | undefined;
  readonly foreign?: SeenAhead | undefined;
}

/** Read-merge-write of a primary record, and of its leaf. Stages everything or throws and stages nothing. */
export function stageWrite(stage: Stage, id: RecordId, bytes: Uint8Array, actor: ActorId | undefined): Written {
  const entry = stage.record(id);
  const { held } = entry;
  const outcome = mergeRecord(entry.id, held, bytes, actor);
  if (outcome.after !== held) stage.setRecord(entry, outcome.after);
  return outcome;
}

/**
 * A record that all primaries hold, and that nothing older can reach any more: it goes, or what no sibling needs goes of its clock. One that has
 * changed since stays as it is.
 */
export function stageCollected(stage: Stage, partition: number, { bucket, key, digest, left }: Collected): boolean {
  const entry = stage.record({ partition, bucket, key });
  const { held } = entry;
  if (held?.digest !== digest) return false;
  if (left === undefined) stage.dropRecord(entry);
  else stage.setRecord(entry, RecordView.make(left, hash64(left), actorLeft(held, left), entry.id));
  return true;
}

/** An actor that the clock has forgotten would count from the start again: the next write takes a fresh one. */
function actorLeft({ actor, object }: RecordView, left: Uint8Array): ActorId | undefined {
  if (actor === undefined) return undefined;
  const isKept = highestCounter(decodeObject(left).clock, actor) === highestCounter(object.clock, actor);
  return isKept ? actor : undefined;
}

export interface HintWrite {
  readonly id: RecordId;
  readonly bytes: Uint8Array;
  readonly owedTo: readonly string[];
  readonly actor: ActorId | undefined;
  readonly nowMs: number;
  readonly maxBytesPerTarget: number;
}

/** A stand-in record as a write finds it. */
interface HeldHint {
  /** Undefined: it is corrupt. */
  readonly record: RecordView | undefined;
  /** By whom it is owed to, as the index has it: which is right also where the record cannot be read. */
  readonly owed: ReadonlyMap<string, OwedRow>;
}

/** Merges into the stand-in record and adds to whom it is owed. Stages everything or throws and stages nothing. */
export function stageHint(stage: Stage, { id, bytes, owedTo, actor, nowMs, maxBytesPerTarget }: HintWrite): Written {
  const encodedId = encodeId(id);
  const held = heldHint(stage, id, encodedId);
  const outcome = mergeRecord(id, held?.record, bytes, actor);
  const record = outcome.after.stored;
  const owed = new Map<string, OwedRow>();
  for (const [target, { takenMs }] of held?.owed ?? []) owed.set(target, { bytes: record.length, takenMs });
  for (const target of owedTo) if (!owed.has(target)) owed.set(target, { bytes: record.length, takenMs: nowMs });
  if (outcome.after === held?.record && owed.size === held.owed.size) return outcome;
  for (const target of owed.keys()) {
    const grown = stage.owedBytes(target) + record.length - (held?.owed.get(target)?.bytes ?? 0);
    if (grown > maxBytesPerTarget && grown > stage.owedBytes(target))
      throw new HintsFullError(target, maxBytesPerTarget);
  }
  stageOwed(stage, encodedId, held?.owed, owed);
  stage.set(`H${encodedId}`, encodeHint({ owed, record }));
  if (held === undefined) stage.count({ hintRecords: 1 });
  else if (held.record === undefined) stage.corrupt.replaced(`H${encodedId}`);
  return outcome;
}

/**
 * The target has the object of this digest: it is owed no more, if that is still what is held. Without a digest: if what is held is corrupt.
 */
export function stageDelivered(stage: Stage, id: RecordId, target: string, digest: string | undefined): void {
  const encodedId = encodeId(id);
  const row = stage.get(owedKey(target, encodedId));
  if (row === undefined) return;
  const held = heldHint(stage, id, encodedId, target);
  if (held?.record?.digest !== digest) return;
  if (held === undefined) {
    // A disk that forgot the record may still have what leads to it.
    stageOwed(stage, encodedId, new Map([[target, decodeOwedRow(row)]]), new Map());
    stage.corrupt.replaced(`H${encodedId}`);
    return;
  }
  const owed = new Map(held.owed);
  owed.delete(target);
  stageOwed(stage, encodedId, held.owed, owed);
  if (owed.size === 0) {
    stage.set(`H${encodedId}`, null);
    stage.count({ hintRecords: -1 });
    stage.corrupt.replaced(`H${encodedId}`);
  } else if (held.record !== undefined) {
    stage.set(`H${encodedId}`, encodeHint({ owed, record: held.record.stored }));
  }
}

function heldHint(stage: Stage, id: RecordId, encodedId: ByteKey, target?: string): HeldHint | undefined {
  const stored = stage.get(`H${encodedId}`);
  if (stored === undefined) return undefined;
  const found = readHint(stored, id, target);
  const isCorrupt = found instanceof CorruptRecordError;
  if (isCorrupt) stage.corrupt.note(`H${encodedId}`, found);
  const owed = new Map<string, OwedRow>();
  for (const target of isCorrupt ? stage.targets() : found.owedTo) {
    const row = stage.get(owedKey(target, encodedId));
    if (row !== undefined) owed.set(target, decodeOwedRow(row));
  }
  return { record: isCorrupt ? undefined : found.record, owed };
}

/** The index by target. */
function stageOwed(
  stage: Stage,
  encodedId: ByteKey,
  before: ReadonlyMap<string, OwedRow> | undefined,
  after: ReadonlyMap<string, OwedRow>,
): void {
  for (const target of new Set([...(before?.keys() ?? []), ...after.keys()])) {
    const [was, is] = [before?.get(target), after.get(target)];
    if (was?.bytes === is?.bytes && was?.takenMs === is?.takenMs) continue;
    stage.set(owedKey(target, encodedId), is === undefined ? null : encodeOwedRow(is));
    stage.moveOwed(target, was, is);
  }
}

/** A stand-in record that can be read. */
interface ReadHint {
  readonly owedTo: readonly string[];
  readonly record: RecordView;
}

/** A stand-in record from a store, or why it cannot be read. @param target by the index, it is owed to this one among others */
export function readHint(stored: Uint8Array, id: RecordId, target?: string): ReadHint | CorruptRecordError {
  const hint = decodeHint(stored);
  if (hint === undefined) return new CorruptRecordError(id, 'its list of targets does not decode');
  if (target !== undefined && !hint.owed.has(target))
    return new CorruptRecordError(id, 'its list of targets lacks one', { target });
  const record = readable(hint.record, id);
  return record instanceof CorruptRecordError ? record : { owedTo: [...hint.owed.keys()], record };
}

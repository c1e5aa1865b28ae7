import type { ActorId } from '@ringfort/versioning';
import { BarrierBehindError, CorruptRecordError, HintsFullError } from './errors.ts';
import { decodeHint, encodeHint, encodeOwedRow, type HintRecord, type OwedRow } from './hint-codec.ts';
import { type ByteKey, encodeId, owedKey } from './keys-core.ts';
import { mergeRecord, type SeenAhead } from './merge-core.ts';
import type { RecordId } from './port.ts';
import { RecordView } from './record-codec.ts';
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
  const held = entry.staged ?? entry.current;
  const outcome = mergeRecord(entry.id, held, bytes, actor);
  if (outcome.after !== held) stage.setRecord(entry, outcome.after);
  return outcome;
}

export interface HintWrite {
  readonly id: RecordId;
  readonly bytes: Uint8Array;
  readonly owedTo: readonly string[];
  readonly actor: ActorId | undefined;
  readonly nowMs: number;
  readonly maxBytesPerTarget: number;
}

/** Merges into the stand-in record and adds to whom it is owed. Stages everything or throws and stages nothing. */
export function stageHint(stage: Stage, { id, bytes, owedTo, actor, nowMs, maxBytesPerTarget }: HintWrite): Written {
  const encodedId = encodeId(id);
  const key = `H${encodedId}`;
  const stored = stage.get(key);
  const before = stored === undefined ? undefined : readHint(stored, id);
  const held = before === undefined ? undefined : RecordView.read(before.record, id);
  const outcome = mergeRecord(id, held, bytes, actor);
  const { after } = outcome;
  const record = after.stored;
  const owed = new Map(before?.owed);
  for (const target of owedTo) if (!owed.has(target)) owed.set(target, nowMs);
  if (after === held && owed.size === before?.owed.size) return outcome;
  for (const target of owed.keys()) {
    const grown = stage.owedBytes(target) + record.length - (before?.owed.has(target) ? before.record.length : 0);
    if (grown > maxBytesPerTarget && grown > stage.owedBytes(target))
      throw new HintsFullError(target, maxBytesPerTarget);
  }
  replaceHint(stage, encodedId, before, { owed, record });
  return outcome;
}

/** The target has the object of this digest: it is owed no more, if that is still what is held. */
export function stageDelivered(stage: Stage, id: RecordId, target: string, digest: string): void {
  const encodedId = encodeId(id);
  const stored = stage.get(`H${encodedId}`);
  if (stored === undefined) return;
  const before = readHint(stored, id);
  if (!before.owed.has(target) || RecordView.read(before.record, id).digest !== digest) return;
  const owed = new Map(before.owed);
  owed.delete(target);
  replaceHint(stage, encodedId, before, owed.size === 0 ? undefined : { owed, record: before.record });
}

function replaceHint(
  stage: Stage,
  encodedId: ByteKey,
  before: HintRecord | undefined,
  after: HintRecord | undefined,
): void {
  const targets = new Set([...(before?.owed.keys() ?? []), ...(after?.owed.keys() ?? [])]);
  for (const target of targets) {
    const [was, is] = [owedRow(before, target), owedRow(after, target)];
    if (was?.bytes === is?.bytes && was?.takenMs === is?.takenMs) continue;
    stage.set(owedKey(target, encodedId), is === undefined ? null : encodeOwedRow(is));
    stage.moveOwed(target, was, is);
  }
  stage.set(`H${encodedId}`, after === undefined ? null : encodeHint(after));
  if (before === undefined) stage.count({ hintRecords: 1 });
  if (after === undefined) stage.count({ hintRecords: -1 });
}

function owedRow(hint: HintRecord | undefined, target: string): OwedRow | undefined {
  const takenMs = hint?.owed.get(target);
  return hint === undefined || takenMs === undefined ? undefined : { bytes: hint.record.length, takenMs };
}

/** @throws CORRUPT_RECORD */
export function readHint(stored: Uint8Array, id: RecordId): HintRecord {
  const hint = decodeHint(stored);
  if (hint === undefined) throw new CorruptRecordError(id, 'its list of targets does not decode');
  return hint;
}

/** @throws BARRIER_BEHIND */
export function checkBarrier(partition: number, sent: number | undefined, held: number): void {
  if (sent !== undefined && sent < held) throw new BarrierBehindError(partition, sent, held);
}

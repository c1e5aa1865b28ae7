import { digestOf, replicaRead, replicaWrite } from '@ringfort/storage';
import { decodeObject, encodeObject, mergeObjects, type VersionedObject } from '@ringfort/versioning';
import { codeOf, type Effects, storageAddress } from './effects.ts';
import { RequestDeadlineError } from './errors.ts';
import { type Inspection, inspectKey } from './inspect-key.ts';
import type { InspectedNode, KeyRequest, RepairedNode, RepairReply } from './operator-contract.ts';

/** Of the time, for finding out what there is: a node that hangs must leave some for the repair of the others. */
const SHARE_OF_INSPECTION = 0.4;

/** A copy that differs from those found before it. */
interface Source {
  readonly node: string;
  readonly standIn: boolean;
}

interface Merge {
  readonly bytes: Uint8Array;
  readonly digest: string;
  /** The lowest that its sources were sent behind. */
  readonly barrier: number;
}

/**
 * Makes all owners that can be reached equal: what any member holds of the key, as its own copy or for another node, is merged and written
 * to the owners that hold something else. Hints stay where they are: they are handed over as ever.
 */
export async function repairKey(fx: Effects, request: KeyRequest, timeoutMs: number): Promise<RepairReply> {
  const deadlineMs = fx.clock.monotonicMs() + timeoutMs;
  const left = () => {
    const ms = Math.floor(deadlineMs - fx.clock.monotonicMs());
    if (ms < 1) throw new RequestDeadlineError(timeoutMs);
    return ms;
  };
  const found = await inspectKey(fx, request, Math.max(1, Math.floor(timeoutMs * SHARE_OF_INSPECTION)));
  const merge = await mergeOf(fx, found, left);
  const isWhole = found.nodes.every(({ owner, error }) => !owner || error === undefined);
  const nodes = await Promise.all(found.nodes.map((one) => settle(fx, found, one, merge, isWhole, left)));
  const told = nodes.filter((one) => one.owner || one.outcome === 'merged');
  return {
    ...found.id,
    owners: [...found.owners],
    complete: told.every(({ outcome }) => outcome !== 'left'),
    ...(merge === undefined ? undefined : { digest: merge.digest }),
    nodes: told,
  };
}

/** One copy of each digest, of those that no collection of tombstones has passed by: such a one may be what was deleted since. */
function sourcesOf(found: Inspection): Source[] {
  const barrier = highestBarrier(found);
  const sources = new Map<string, Source>();
  for (const one of found.nodes) {
    if ((one.label ?? 0) < barrier) continue;
    for (const [copy, standIn] of [
      [one.record, false],
      [one.hint, true],
    ] as const) {
      if (copy === undefined || sources.has(copy.digest)) continue;
      sources.set(copy.digest, { node: one.node, standIn });
    }
  }
  return [...sources.values()];
}

const highestBarrier = ({ nodes }: Inspection): number => Math.max(0, ...nodes.map(({ barrier = 0 }) => barrier));

/** Rejects when a copy cannot be fetched: what it holds would be missing. Nothing was written by then. */
async function mergeOf(fx: Effects, found: Inspection, left: () => number): Promise<Merge | undefined> {
  let merged: VersionedObject | undefined;
  const own = fx.store.label(found.id.partition);
  let barrier = own;
  for (const source of sourcesOf(found)) {
    const request = { ...found.id, standIn: source.standIn };
    const options = { timeoutMs: left(), barrier: own };
    const { object, barrier: label = own } = await fx.bus.request(
      storageAddress(source.node),
      replicaRead,
      request,
      options,
    );
    if (object === undefined) continue; // a hint that was handed over meanwhile: its owner has it
    const decoded = decodeObject(object);
    merged = merged === undefined ? decoded : mergeObjects(merged, decoded);
    barrier = Math.min(barrier, label);
  }
  if (merged === undefined) return undefined;
  const bytes = encodeObject(merged);
  return { bytes, digest: digestOf(bytes), barrier };
}

/** Writes the merge to an owner that holds something else; a corrupt record is replaced only when all owners were heard. */
async function settle(
  fx: Effects,
  found: Inspection,
  { node, owner, record, recordError, hint, label = 0, error }: InspectedNode,
  merge: Merge | undefined,
  isWhole: boolean,
  left: () => number,
): Promise<RepairedNode> {
  const told = {
    node,
    owner,
    ...(record === undefined ? undefined : { found: record.digest }),
    ...(hint === undefined ? undefined : { hint: hint.digest }),
  };
  const isSource = (record ?? hint) !== undefined && label >= highestBarrier(found);
  if (!owner) return { ...told, outcome: isSource ? 'merged' : 'left' };
  if (error !== undefined) return { ...told, outcome: 'left', error };
  if (recordError === undefined && record?.digest === merge?.digest) return { ...told, outcome: 'equal' };
  if (merge === undefined || (recordError !== undefined && !isWhole))
    return { ...told, outcome: 'left', error: recordError ?? 'CORRUPT_RECORD' };
  try {
    const request = { ...found.id, object: merge.bytes, sync: true };
    const options = { timeoutMs: left(), barrier: merge.barrier };
    await fx.bus.request(storageAddress(node), replicaWrite, request, options);
    return { ...told, outcome: 'written' };
  } catch (failure) {
    return { ...told, outcome: 'left', error: codeOf(failure) };
  }
}

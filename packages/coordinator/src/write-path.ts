import { labelOf, type RecordId, type StoredRecord } from '@ringfort/storage';
import {
  boundContext,
  type Context,
  contextAfterPut,
  encodeContext,
  encodeObject,
  type HlcStamp,
  liveSiblings,
  mergeObjects,
  nextStamp,
  type Payload,
  updateObject,
  type VersionedObject,
} from '@ringfort/versioning';
import type { PutRequest, WriteReply } from './contract.ts';
import { codeOf, type Effects, recordKey } from './effects.ts';
import { QuorumUnavailableError, TooManySiblingsError, ValueTooLargeError } from './errors.ts';
import { InFlightWrites } from './in-flight.ts';
import { MAX_LEVELLINGS } from './levelling.ts';
import type { Placed } from './placed.ts';
import { countable, type PlacementPlan, planPlaces } from './placement-core.ts';
import { createPutRunner } from './put-runner.ts';
import { newTally, resolveQuorum } from './quorum-core.ts';

/** By then a write has taken the place of the corrupt record that it found. */
const REPAIR_AFTER_MS = 50;

export type WriteDone = (error: Error | undefined, reply: WriteReply | undefined) => void;
type WriteSettings = Pick<PutRequest, 'w' | 'dw' | 'sloppy'>;

/** How many must acknowledge, how many of them from disk, and how many places are asked for that. */
interface WriteQuorum {
  readonly w: number;
  readonly durable: number;
  readonly syncs: number;
}

/** What this node knows of a key at the moment of a write. */
interface Known {
  readonly key: string;
  readonly record: StoredRecord | undefined;
  readonly pending: ReturnType<InFlightWrites['get']>;
  readonly object: VersionedObject | undefined;
}

/**
 * Makes the new object of a write and starts its story. Everything that is wrong with the request is thrown here, before any effect; what
 * fails later reaches `done`.
 */
export function createWritePath(
  fx: Effects,
  repair: (id: RecordId) => void,
): (placed: Placed, request: WriteSettings, payload: Payload, context: Context | undefined, done: WriteDone) => void {
  const inFlight = new InFlightWrites();
  const runPut = createPutRunner(fx, inFlight);
  // A dot that is under way here may come back from another replica before the local commit: that is no loss.
  fx.store.onForeignDot(({ id, standIn, actor, seen, known }) => {
    const key = recordKey(id, standIn);
    const given = inFlight.get(key)?.dot;
    const knownHere = given?.actor === actor ? Math.max(known, given.counter) : known;
    if (seen > knownHere) fx.versioner.noticeForeign(key, actor, seen, knownHere);
  });
  let lastStamp: HlcStamp | undefined;

  const quorumOf = ({ settings, n }: Placed, request: WriteSettings): WriteQuorum => {
    const w = request.w === undefined ? Math.min(settings.w, n) : resolveQuorum('w', request.w, settings.n);
    const dw = request.dw ?? settings.dw;
    if (dw !== undefined) {
      const durable = Math.min(w, resolveQuorum('dw', dw, settings.n));
      return { w, durable, syncs: durable };
    }
    return fx.store.durability === 'interval' ? { w, durable: 1, syncs: 1 } : { w, durable: w, syncs: Infinity };
  };

  const planOf = ({ list, owners, n, standIn }: Placed, request: WriteSettings, w: number): PlacementPlan => {
    const plan = planPlaces(list, n, request.sloppy ?? true, fx.isUp, w, standIn ? fx.self : undefined, owners);
    if (countable(plan) < w) throw new QuorumUnavailableError(w, countable(plan), 'not-applied');
    return plan;
  };

  /**
   * A record that cannot be read counts as lost: the write gets a fresh actor and takes its place, and what the other replicas hold is merged
   * in right afterwards.
   */
  const readLocal = ({ id, standIn }: Placed): StoredRecord | undefined => {
    try {
      return standIn ? fx.store.readHint(id) : fx.store.read(id);
    } catch (error) {
      fx.onFault(error as Error, 'local read');
      if (codeOf(error) === 'CORRUPT_RECORD') fx.wheel.after(REPAIR_AFTER_MS, () => repair(id));
      return undefined;
    }
  };

  const knownOf = (placed: Placed): Known => {
    const key = recordKey(placed.id, placed.standIn);
    const record = readLocal(placed);
    const pending = inFlight.get(key);
    if (record === undefined || pending === undefined) {
      return { key, record, pending, object: record?.object ?? pending?.object };
    }
    return { key, record, pending, object: mergeObjects(record.object, pending.object) };
  };

  /** Expiry and stamp, by the bucket's settings. */
  const complete = (payload: Payload, { settings }: Placed, known: Known, context: Context | undefined): Payload => {
    const nowMs = fx.clock.now();
    const { conflict, ttlSeconds } = settings;
    const expires = ttlSeconds !== undefined && payload.value !== undefined;
    const limited = expires ? { ...payload, expiresAtMs: nowMs + ttlSeconds * 1000 } : payload;
    if (conflict !== 'lww') return limited;
    const held = known.object?.siblings.map((sibling) => sibling.stamp) ?? [];
    lastStamp = nextStamp(lastStamp, nowMs, context?.stamp, ...held);
    return { ...limited, stamp: lastStamp };
  };

  const checked = (object: VersionedObject): Uint8Array => {
    const { maxSiblings, maxObjectBytes } = fx.limits;
    if (object.siblings.length > maxSiblings) throw new TooManySiblingsError(object.siblings.length, maxSiblings);
    const bytes = encodeObject(object);
    if (bytes.byteLength > maxObjectBytes) throw new ValueTooLargeError(bytes.byteLength, maxObjectBytes);
    return bytes;
  };

  return (placed, request, payload, context, done) => {
    const { w, durable, syncs } = quorumOf(placed, request);
    const plan = planOf(placed, request, w);
    const barrier = labelOf(fx.store, placed.id.partition, placed.standIn);
    const known = knownOf(placed);
    const { key, record, pending } = known;
    const held = record === undefined ? undefined : { actor: record.actor, clock: record.object.clock };
    const { dot } = fx.versioner.dotFor({ keyId: key, record: held, inFlight: pending?.dot, context });
    const written = complete(payload, placed, known, context);
    const object = updateObject(known.object, context, dot, written);
    const bytes = checked(object);
    const reply = (): WriteReply => ({
      context: encodeContext(
        boundContext(contextAfterPut(context, dot, written.stamp), [dot], fx.limits.maxContextEntries),
      ),
      siblings: liveSiblings(object, fx.clock.now()).length,
    });
    const startMs = fx.clock.monotonicMs();
    inFlight.begin(key, object, dot);
    runPut({
      id: placed.id,
      recordKey: key,
      n: placed.n,
      slots: placed.slots,
      plan,
      tally: newTally(w, durable),
      levellings: placed.standIn ? 0 : MAX_LEVELLINGS,
      isSubmitted: false,
      committed: undefined,
      timeoutMs: placed.timeoutMs,
      startMs,
      deadlineMs: startMs + placed.timeoutMs,
      actor: dot.actor,
      barrier,
      bytes,
      syncs,
      syncsWanted: syncs,
      mayHaveApplied: false,
      teller: undefined,
      timer: undefined,
      done: (error) => done(error, error === undefined ? reply() : undefined),
    });
  };
}

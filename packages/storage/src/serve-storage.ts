import { type Bus, type Clock, type Inbound, systemClock } from '@ringfort/bus';
import { liveSiblings } from '@ringfort/versioning';
import { createActor, fromPromise } from 'xstate';
import { labelOf } from './barriers.ts';
import {
  type ReplicaObjectsReply,
  type ReplicaObjectsRequest,
  type ReplicaReadReply,
  type ReplicaReadRequest,
  type ReplicaVerifyReply,
  type ReplicaVerifyRequest,
  type ReplicaWriteReply,
  type ReplicaWriteRequest,
  replicaInspect,
  replicaKeys,
  replicaObjects,
  replicaRead,
  replicaVerify,
  replicaWrite,
} from './contract.ts';
import {
  CorruptRecordError,
  NotServingError,
  RefillingError,
  StoreClosedError,
  StoreReadOnlyError,
  UnknownTargetError,
} from './errors.ts';
import { inspectRecord } from './inspect-record.ts';
import { bytesOfKey, primaryKey } from './keys-core.ts';
import { createOwnerGate, type OwnerGate } from './owner-gate.ts';
import type { Store, StoredRecord, WriteDone, WriteResult } from './port.ts';
import type { Moves, SlotView } from './slots-port.ts';
import { type StorageMode, storageMachine } from './storage-machine.ts';

/** Where failures are told; a pino logger fits. */
export interface Logger {
  warn(details: Record<string, unknown>, message: string): void;
}

export interface ServeStorageOptions {
  readonly bus: Bus;
  readonly nodeId: string;
  readonly store: Store;
  /** Whether replica requests are answered; else `NOT_SERVING`, never "not found". Asked for each; always true by default. */
  readonly isServing?: () => boolean;
  /** What this node knows of the owners of partitions; absent: whoever asks it as an owner is served. */
  readonly slots?: SlotView | undefined;
  /** Hand-overs from this node to others; absent: there are none. */
  readonly moves?: Moves | undefined;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

export interface ServedStorage {
  readonly mode: StorageMode;
  /** Told of every change of mode, until unsubscribed. */
  onMode(listener: (mode: StorageMode) => void): { unsubscribe(): void };
  /** Tells of a failed write that did not come over the bus, such as the coordinator's own. */
  report(error: unknown): void;
  /** Serves no more, then closes the store. */
  close(): Promise<void>;
}

/** Bytes of one page of keys: below the bus's frame size. */
const maxFoldBytes = 4 * 1024 * 1024;
const maxObjectsPerPage = 1000;

/** Serves the replica verbs of `node.<id>.storage` from an open store. */
export function serveStorage(options: ServeStorageOptions): ServedStorage {
  const { bus, nodeId, store, clock = systemClock, logger, isServing = () => true } = options;
  const gate = startGate(store, clock, logger, isServing);
  const owner = createOwnerGate(options);
  const address = `node.${nodeId}.storage`;
  const served = [
    bus.serve(
      address,
      replicaRead,
      guarded(gate, (request, inbound) => readReplica(store, owner, request, inbound)),
    ),
    bus.answer(address, replicaWrite, (request, inbound, done) => {
      gate.checkWritable();
      owner.check(request.partition, request.slots);
      checkTargets(options.slots, request.owedTo);
      writeReplica(store, request, inbound, (error, result) => {
        if (error !== undefined) gate.report(error);
        if (result === undefined) done(error);
        else if (request.owedTo !== undefined) done(undefined, replyOf(result));
        else {
          owner.settle(request, inbound, (refused) =>
            refused === undefined ? done(undefined, replyOf(result)) : done(refused),
          );
        }
      });
    }),
    bus.serve(
      address,
      replicaVerify,
      guarded(gate, (request) => verifyReplicas(store, request)),
    ),
    bus.serve(
      address,
      replicaKeys,
      guarded(gate, (request) => {
        owner.check(request.partition, request.slots);
        return listKeys(store, request, clock.now());
      }),
    ),
    bus.serve(
      address,
      replicaObjects,
      guarded(gate, (request) => {
        owner.check(request.partition, request.slots);
        return listObjects(store, request);
      }),
    ),
    bus.serve(
      address,
      replicaInspect,
      guarded(gate, (request) => inspectRecord(store, request)),
    ),
  ];
  return {
    get mode() {
      return gate.mode;
    },
    onMode: gate.onMode,
    report: gate.report,
    close() {
      for (const one of served) one.unsubscribe();
      return gate.close();
    },
  };
}

interface Gate {
  readonly mode: StorageMode;
  onMode: ServedStorage['onMode'];
  report(error: unknown): void;
  checkReadable(): void;
  checkWritable(): void;
  close(): Promise<void>;
}

/** The machine, and its mode in a variable for the hot path. */
function startGate(store: Store, clock: Clock, logger: Logger | undefined, isServing: () => boolean): Gate {
  const machine = storageMachine.provide({
    actors: {
      openStore: fromPromise<Store>(() => Promise.resolve(store)),
      probeWrite: fromPromise<void>(() => store.putMeta('storage/probe', undefined)),
      closeStore: fromPromise<void>(() => store.close()),
    },
  });
  // xstate's clock is two of ours.
  const actor = createActor(machine, {
    clock: { setTimeout: (fn, ms) => clock.setTimeout(fn, ms), clearTimeout: (id) => clock.clearTimeout(id) },
  });
  const listeners = new Set<(mode: StorageMode) => void>();
  let mode: StorageMode = 'serving';
  let reason = '';
  actor.subscribe({
    next: (snapshot) => {
      reason = String((snapshot.context.error as Error | undefined)?.message ?? '');
      const next = modeOf(snapshot.value);
      if (next === mode || next === 'opening') return;
      mode = next;
      if (mode === 'readOnly' || mode === 'failed')
        logger?.warn({ mode, error: snapshot.context.error }, 'the store changed its mode');
      for (const listener of listeners) listener(mode);
    },
    error: (error) => logger?.warn({ error }, 'the storage machine failed'),
  });
  actor.start();
  store.onCorrupt((error) => {
    logger?.warn({ error, ...error.details }, 'a record is corrupt: it will be replaced by what other replicas hold');
    actor.send({ type: 'record.corrupted', error });
  });
  return {
    get mode() {
      return mode;
    },
    onMode(listener) {
      listeners.add(listener);
      return { unsubscribe: () => listeners.delete(listener) };
    },
    report: (error) => actor.send({ type: 'write.failed', error }),
    checkReadable() {
      if (!isServing()) throw new NotServingError();
      if (mode !== 'serving' && mode !== 'readOnly') throw new StoreClosedError();
    },
    checkWritable() {
      if (!isServing()) throw new NotServingError();
      if (mode === 'serving') return;
      throw mode === 'readOnly' ? new StoreReadOnlyError(reason) : new StoreClosedError();
    },
    close: () =>
      new Promise((resolve, reject) => {
        const settle = (snapshot: ReturnType<typeof actor.getSnapshot>) => {
          if (snapshot.status === 'active') return;
          if (snapshot.value === 'failed') reject(snapshot.context.error);
          else resolve();
        };
        actor.subscribe(settle);
        if (actor.getSnapshot().status === 'active') actor.send({ type: 'close.start' });
        else settle(actor.getSnapshot());
      }),
  };
}

function modeOf(value: string | Record<string, unknown>): StorageMode {
  return (typeof value === 'string' ? value : Object.keys(value)[0]) as StorageMode;
}

function guarded<Q, R>(gate: Gate, read: (request: Q, inbound: Inbound) => R): (request: Q, inbound: Inbound) => R {
  return (request, inbound) => {
    gate.checkReadable();
    return read(request, inbound);
  };
}

function readReplica(
  store: Store,
  owner: OwnerGate,
  request: ReplicaReadRequest,
  { barrier }: Inbound,
): ReplicaReadReply {
  owner.check(request.partition, request.slots);
  if (request.standIn !== true) checkFilled(store, request.partition);
  const record = request.standIn === true ? store.readHint(request) : store.read(request);
  const label = labelOf(store, request.partition, request.standIn === true);
  const reply: ReplicaReadReply = label === barrier ? {} : { barrier: label };
  if (record === undefined) return reply;
  const { digest } = record;
  return digest === request.have ? { ...reply, digest } : { ...reply, digest, object: record.bytes };
}

function verifyReplicas(store: Store, { items }: ReplicaVerifyRequest): ReplicaVerifyReply {
  const stale: number[] = [];
  for (const [index, { digest, ...id }] of items.entries()) {
    // What it lacks it gets as a whole: to repair it record by record would only delay that.
    if (!store.isFilled(id.partition)) continue;
    try {
      if (store.read(id)?.digest !== digest) stale.push(index);
    } catch (error) {
      if (!(error instanceof CorruptRecordError)) throw error;
      stale.push(index);
    }
  }
  return { stale };
}

function writeReplica(store: Store, request: ReplicaWriteRequest, { barrier }: Inbound, done: WriteDone): void {
  const { object, owedTo, sync } = request;
  const options = { sync, barrier };
  if (owedTo === undefined) store.submit(request, object, options, done);
  else
    store.writeHint(request, object, owedTo, options).then(
      (result) => done(undefined, result),
      (error: Error) => done(error, undefined),
    );
}

/** @throws UNKNOWN_TARGET */
function checkTargets(slots: SlotView | undefined, owedTo: readonly string[] | undefined): void {
  if (slots === undefined || owedTo === undefined) return;
  for (const target of owedTo) if (!slots.isKnown(target)) throw new UnknownTargetError(target);
}

/** The sender knows the digest of what it sent. */
function replyOf({ digest, durable, merged }: WriteResult): ReplicaWriteReply {
  return merged === undefined ? { durable } : { durable, digest, merged };
}

/** @throws REFILLING where "not found" would mean nothing */
export function checkFilled(store: Pick<Store, 'isFilled'>, partition: number): void {
  if (!store.isFilled(partition)) throw new RefillingError(partition);
}

interface KeysRequest {
  readonly partition: number;
  readonly bucket: string;
  readonly after?: string | undefined;
  readonly limit: number;
}

/** An empty `after` lies before every key. */
const cursorOf = (partition: number, bucket: string, after: string | undefined) =>
  after === undefined || after === '' ? {} : { after: bytesOfKey(primaryKey({ partition, bucket, key: after })) };

function listObjects(store: Store, request: ReplicaObjectsRequest): ReplicaObjectsReply {
  const { partition, bucket, after, maxBytes } = request;
  checkFilled(store, partition);
  const query = { partition, bucket, ...cursorOf(partition, bucket, after) };
  const { items, next } = store.fold(query, { maxItems: maxObjectsPerPage, maxBytes });
  const told = items.map(({ id, record }) => ({
    key: id.key,
    ...(record === undefined ? undefined : { object: record.bytes }),
  }));
  return { items: told, more: next !== undefined };
}

function listKeys(store: Store, { partition, bucket, after, limit }: KeysRequest, nowMs: number) {
  checkFilled(store, partition);
  const query = { partition, bucket, ...cursorOf(partition, bucket, after) };
  const { items, next } = store.fold(query, { maxItems: limit, maxBytes: maxFoldBytes });
  // Of a corrupt record nobody knows: a key too many is seen by whoever gets it, one too few by nobody.
  const isLive = (record: StoredRecord | undefined) =>
    record === undefined || liveSiblings(record.object, nowMs).length > 0;
  const keys = items.map(({ id, record }) => ({ key: id.key, live: isLive(record) }));
  return { keys, more: next !== undefined };
}

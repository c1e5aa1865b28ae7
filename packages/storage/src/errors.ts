type Details = Record<string, unknown>;

/** A `RecordId`, whose port names errors of this file. */
interface RecordPlace {
  readonly partition: number;
  readonly bucket: string;
  readonly key: string;
}

/** What all failures of a store share: a stable `code`, plain `details` that may cross the bus, the `cause` kept. */
export abstract class StorageError extends Error {
  abstract readonly code: string;
  readonly details?: Details | undefined;
  constructor(message: string, details?: Details, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.details = details;
  }
}

/** The bucket, key or target name does not fit into a store key. */
export class KeyTooLongError extends StorageError {
  readonly code = 'KEY_TOO_LONG';
  constructor(what: string, bytes: number, maxBytes: number) {
    super(`the ${what} has ${bytes} bytes of UTF-8, at most ${maxBytes} fit: use a shorter one`, {
      what,
      bytes,
      maxBytes,
    });
  }
}

/** The bytes under this id are not what was written there: a fault of the disk or of the file system. Never answered as "not found". */
export class CorruptRecordError extends StorageError {
  readonly code = 'CORRUPT_RECORD';
  /** @param evidence what was found there, for whoever looks into it */
  constructor({ bucket, key, partition }: RecordPlace, reason: string, evidence: Details = {}, options?: ErrorOptions) {
    super(
      `the record of ${bucket}/${key} is corrupt (${reason}): repair it from another replica`,
      { bucket, key, partition, ...evidence },
      options,
    );
  }
}

/**
 * Batches that were appended to the journal cannot be read back. Those behind them are replayed all the same: what is lost is what this store
 * held of the damaged ones alone. The last batch may also have been torn by a power cut, before anybody was told that it was on disk.
 */
export class JournalDamagedError extends StorageError {
  readonly code = 'JOURNAL_DAMAGED';
  constructor(directory: string, lostBatches: number, replayedBehind: number) {
    super(
      `${lostBatches} batches of the journal in ${directory} can't be read (${replayedBehind} behind them are replayed): unless the power was cut, check the disk; other replicas hold what they held`,
      { directory, lostBatches, replayedBehind },
    );
  }
}

/** The data file's own structure does not hold together: a fault of the disk or of the file system. */
export class StoreCorruptError extends StorageError {
  readonly code = 'STORE_CORRUPT';
  constructor(directory: string, options?: ErrorOptions) {
    super(
      `the data file in ${directory} is damaged: check the disk, and give the node an empty directory`,
      undefined,
      options,
    );
  }
}

/** The disk, or the bound on the store's size, is reached. Reads go on; writes are tried again as soon as there is room. */
export class StoreFullError extends StorageError {
  readonly code = 'STORE_FULL';
  constructor(directory: string, options?: ErrorOptions) {
    super(`no room left for the store in ${directory}: free disk space, or raise maxBytes`, undefined, options);
  }
}

/** The directory was written by a version of this software whose format this one does not read. */
export class StoreVersionMismatchError extends StorageError {
  readonly code = 'STORE_VERSION_MISMATCH';
  constructor(directory: string, found: number, expected: number) {
    super(
      `${directory} has store format ${found}, this software reads ${expected}: start the version that wrote it, or use an empty directory`,
      { found, expected },
    );
  }
}

/** Another process, or another store of this one, has the directory open. */
export class StoreLockedError extends StorageError {
  readonly code = 'STORE_LOCKED';
  constructor(directory: string, options?: ErrorOptions) {
    super(
      `${directory} is in use by another running store: stop that one, or choose another directory`,
      undefined,
      options,
    );
  }
}

/** The store is closing or closed. */
export class StoreClosedError extends StorageError {
  readonly code = 'STORE_CLOSED';
  constructor() {
    super('the store is closed: open it again');
  }
}

/** The node is no member of its cluster (yet, or any more): what its store holds, or lacks, says nothing of the cluster's data. */
export class NotServingError extends StorageError {
  readonly code = 'NOT_SERVING';
  constructor() {
    super('this node is no member of the cluster: ask another replica');
  }
}

/** A stand-in record is to be owed to somebody who never was a member: it could be delivered to nobody. */
export class UnknownTargetError extends StorageError {
  readonly code = 'UNKNOWN_TARGET';
  constructor(target: string) {
    super(`this node knows no member "${target}" that a hint could be owed to: name the owner that is away`, {
      target,
    });
  }
}

/** What two nodes know of the owners of a partition. */
export interface SlotsDiffer {
  readonly partition: number;
  /** Versions of the partition's slots: the sender's, and that of the node that refuses. */
  readonly asked?: number | undefined;
  readonly known?: number | undefined;
  /** The version of all that the refusing node knows of the cluster. */
  readonly ring?: { readonly size: number; readonly digest: string } | undefined;
  /** The write lies here all the same, unacknowledged. */
  readonly stored?: true;
}

/**
 * Sender and receiver do not know the same owners of the partition, or the receiver is none: it does not answer as one. Both exchange what
 * they know of the cluster, then the request is tried again.
 */
export class StaleSlotsError extends StorageError {
  readonly code = 'STALE_SLOTS';
  constructor(differ: SlotsDiffer) {
    super(
      `this node does not serve partition ${differ.partition} at the version of its slots that was asked for: exchange membership records with it, and ask again`,
      { ...differ },
    );
  }
}

/**
 * This store took the place of a lost one, and what the other owners hold of the partition is not here yet: what is not found may be there. It
 * takes writes meanwhile.
 */
export class RefillingError extends StorageError {
  readonly code = 'REFILLING';
  constructor(partition: number) {
    super(`partition ${partition} is still being filled from its other owners: ask one of these`, { partition });
  }
}

/** A store that holds something cannot take the place of a lost one: it would claim to be what it is not. */
export class StoreNotEmptyError extends StorageError {
  readonly code = 'STORE_NOT_EMPTY';
  constructor({ records, hintRecords }: { readonly records: number; readonly hintRecords: number }) {
    super(`this store holds ${records} records and ${hintRecords} for others: a node is refilled into an empty one`, {
      records,
      hintRecords,
    });
  }
}

/** Writes are refused for the time being (disk full, or a fault of the disk); reads are served. */
export class StoreReadOnlyError extends StorageError {
  readonly code = 'STORE_READ_ONLY';
  constructor(reason: string) {
    super(`this store takes no writes: ${reason}`, { reason });
  }
}

/** A write reached the operating system, but the disk refused to keep it: what is on disk is unknown until the store is opened again. */
export class StoreSyncFailedError extends StorageError {
  readonly code = 'STORE_SYNC_FAILED';
  constructor(directory: string, options?: ErrorOptions) {
    super(`the disk under ${directory} failed to sync: check the disk, then restart the node`, undefined, options);
  }
}

/** So much is held for this target that no more stand-in writes are taken for it. */
export class HintsFullError extends StorageError {
  readonly code = 'HINTS_FULL';
  constructor(target: string, maxBytes: number) {
    super(`hints for ${target} have reached ${maxBytes} bytes: bring it back, or remove it from the ring`, {
      target,
      maxBytes,
    });
  }
}

/** What this node keeps for others is older than the barrier: once it was delivered, the barrier can be adopted. */
export class StandInsOwedError extends StorageError {
  readonly code = 'STAND_INS_OWED';
  constructor(partition: number) {
    super(`records of partition ${partition} are kept here for other nodes: deliver them, then ask again`, {
      partition,
    });
  }
}

/** The sender does not know of a collection that this partition has seen: it reads again and sends what it then has. */
export class BarrierBehindError extends StorageError {
  readonly code = 'BARRIER_BEHIND';
  constructor(partition: number, barrier: number, expected: number) {
    super(`the message is from before barrier ${expected} of partition ${partition}: read again`, {
      partition,
      barrier,
      expected,
    });
  }
}

/** The directory can't be made, read or written. */
export class StoreUnwritableError extends StorageError {
  readonly code = 'STORE_UNWRITABLE';
  constructor(directory: string, reason: string, options?: ErrorOptions) {
    super(
      `can't use ${directory} for the store (${reason}): choose a directory this user may write to`,
      { reason },
      options,
    );
  }
}

/** So many writes wait that no more are taken. */
export class StoreOverloadedError extends StorageError {
  readonly code = 'STORE_OVERLOADED';
  constructor(maxQueuedWrites: number) {
    super(`${maxQueuedWrites} writes are waiting: slow down`, { maxQueuedWrites });
  }
}

/** A file or stream is not a copy of a store, or not a whole one. */
export class CorruptCopyError extends StorageError {
  readonly code = 'CORRUPT_COPY';
  constructor(reason: string) {
    super(`this is no whole copy of a store (${reason}): make another one`, { reason });
  }
}

/** As many copies of the store are being read as it allows. */
export class TooManyCopiesError extends StorageError {
  readonly code = 'TOO_MANY_COPIES';
  constructor(limit: number) {
    super(`${limit} copies of this store are being made already: wait until one has ended`, { limit });
  }
}

/** A copy that is asked for a piece was closed, or has given that piece already. */
export class CopyLostError extends StorageError {
  readonly code = 'COPY_LOST';
  constructor() {
    super('the copy under way is no longer open (the node restarted, or nobody read it for 30 s): begin again');
  }
}

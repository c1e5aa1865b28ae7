import type { DigestPage, ListedRecord, RecordName } from '@ringfort/storage';

export type { DigestPage, ListedRecord, RecordName };

export interface HeldRecord {
  readonly bytes: Uint8Array;
  /** 16 hex digits; equal digests mean equal bytes. */
  readonly digest: string;
}

export interface WrittenRecord {
  /** Of what is held now. */
  readonly digest: string;
  /** What is held now, when it differs from what was handed in. */
  readonly merged: Uint8Array | undefined;
}

/** Which records are listed: those on these leaves, after one (or from the start) up to another (or to the end). */
export interface ListQuery {
  readonly leaves: ReadonlySet<number>;
  readonly after?: RecordName | undefined;
  readonly until?: RecordName | undefined;
}

/**
 * What an exchange makes equal: the records of one partition that this side and one other share. A store has one implementation, a plain
 * map another; both sides of an exchange count records to leaves in the same way.
 */
export interface Replica {
  /** The barrier that what is sent lies behind: of the last collection of tombstones that this side took part in. */
  readonly barrier: number;
  /** What lies before this one is refused: of the last collection that may be complete. */
  readonly floor: number;
  /** The sum of all leaves. Asked often: it should cost little. */
  root(): string;
  /** Digests of the leaves that are not empty. */
  leaves(): ReadonlyMap<number, string>;
  /** Records in the order of their names (see `compareNames`), at most `maxItems` of at most `maxLookedAt` that are looked at. */
  list(query: ListQuery, limits: { readonly maxItems: number; readonly maxLookedAt: number }): DigestPage;
  /** Undefined: there is nothing, or nothing that can be read. */
  read(name: RecordName): HeldRecord | undefined;
  /** Merges what comes in with what is held. Undefined: it is not taken, and what is held stays as it is. */
  write(name: RecordName, bytes: Uint8Array): Promise<WrittenRecord | undefined>;
  /** Whether records of the bucket are shared with the other side. */
  shares(bucket: string): boolean;
}

/** The replica that this node shares with a peer; undefined: they share none of the partition. */
export type OpenReplica = (partition: number, peer: string) => Replica | undefined;

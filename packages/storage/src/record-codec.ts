import { type ActorId, decodeObject, type VersionedObject } from '@ringfort/versioning';
import { CorruptRecordError } from './errors.ts';
import { hash64, hex64 } from './hash.ts';
import type { RecordId, StoredRecord } from './port.ts';

/**
 * A record at rest: what is local to this store, then the canonical bytes of the object, which alone are replicated and hashed.
 *
 *     format (1)  actor's length (1)  checksum (8)  actor  object bytes
 *
 * The checksum is the hash of the object bytes (the digest), mixed with that of the header when there is an actor.
 */
const format = 1;
const headBytes = 10;

/** @param digest hash of `object`. Copies both into new memory. */
export function encodeRecord(object: Uint8Array, digest: bigint, actor: ActorId | undefined): Uint8Array {
  const name = actor ?? '';
  const record = Buffer.allocUnsafe(headBytes + name.length + object.length);
  record[0] = format;
  record[1] = name.length;
  record.writeBigUInt64LE(digest ^ actorHash(name), 2);
  record.write(name, headBytes, 'latin1');
  record.set(object, headBytes + name.length);
  return record;
}

function actorHash(name: string): bigint {
  return name === '' ? 0n : hash64(Buffer.from(name, 'latin1'));
}

/** A record read from a store: its checksum has been verified, its object is decoded on first use. */
export class RecordView implements StoredRecord {
  readonly bytes: Uint8Array;
  readonly hash: bigint;
  readonly actor: ActorId | undefined;
  readonly #id: RecordId;
  #object: VersionedObject | undefined;

  /** @throws CORRUPT_RECORD */
  constructor(record: Uint8Array, id: RecordId) {
    this.#id = id;
    if (record.length < headBytes || record[0] !== format) throw new CorruptRecordError(id, 'it has no known format');
    const stored = Buffer.from(record.buffer, record.byteOffset, record.length);
    const nameEnd = headBytes + record[1]!;
    if (nameEnd > record.length) throw new CorruptRecordError(id, 'it is too short');
    const name = stored.toString('latin1', headBytes, nameEnd);
    this.bytes = record.subarray(nameEnd);
    this.actor = name === '' ? undefined : name;
    this.hash = hash64(this.bytes);
    if ((this.hash ^ actorHash(name)) !== stored.readBigUInt64LE(2))
      throw new CorruptRecordError(id, 'its checksum does not match');
  }

  get digest(): string {
    return hex64(this.hash);
  }

  get object(): VersionedObject {
    this.#object ??= this.#decode();
    return this.#object;
  }

  #decode(): VersionedObject {
    try {
      return decodeObject(this.bytes);
    } catch (cause) {
      throw new CorruptRecordError(this.#id, 'its object does not decode', { cause });
    }
  }
}

import { type ActorId, decodeObject, type VersionedObject } from '@ringfort/versioning';
import { CorruptRecordError } from './errors.ts';
import { type Hash64, hash64, hex64, sameHash } from './hash.ts';
import type { RecordId, StoredRecord } from './port.ts';
import { takeMemory, takenAt } from './record-memory.ts';

/**
 * A record at rest: what is local to this store, then the canonical bytes of the object, which alone are replicated and hashed.
 *
 *     format (1)  actor's length (1)  checksum (8)  actor  object bytes
 *
 * The checksum is the hash of the object bytes (the digest), its lower half mixed with a hash of the actor when there is one.
 */
const format = 2;
const headBytes = 10;

/**
 * A record as it lies in memory: read from below and verified then, or made here by a write. It is not verified again as long as it stays in
 * memory. Everything but the hash and the actor is made on first use, for most versions of a record are overwritten before anybody asks.
 */
export class RecordView implements StoredRecord, Hash64 {
  readonly high: number;
  readonly low: number;
  readonly actor: ActorId | undefined;
  /** Shared with other records: this one's object lies from `start` to `end`, its head before. */
  readonly memory: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly #id: RecordId;
  #bytes: Uint8Array | undefined;
  #digest: string | undefined;
  #object: VersionedObject | undefined;

  private constructor(memory: Uint8Array, start: number, end: number, hash: Hash64, actor: string, id: RecordId) {
    this.high = hash.high;
    this.low = hash.low;
    this.actor = actor === '' ? undefined : actor;
    this.memory = memory;
    this.start = start;
    this.end = end;
    this.#id = id;
  }

  /** A record that comes from a store, verified. @throws CORRUPT_RECORD */
  static read(record: Uint8Array, id: RecordId): RecordView {
    const bytes = record.length;
    if (bytes < headBytes || record[0] !== format)
      throw new CorruptRecordError(id, 'it has no known format', { bytes });
    const nameEnd = headBytes + record[1]!;
    if (nameEnd > bytes) throw new CorruptRecordError(id, 'it is too short', { bytes });
    let actor = '';
    for (let i = headBytes; i < nameEnd; i++) actor += String.fromCharCode(record[i]!);
    const hash = hash64(record.subarray(nameEnd));
    const wanted = { low: int32At(record, 2) ^ actorHash(actor), high: int32At(record, 6) };
    if (!sameHash(hash, wanted)) {
      const evidence = { bytes, checksum: hex64(wanted), found: hex64(hash) };
      throw new CorruptRecordError(id, 'its checksum does not match', evidence);
    }
    return new RecordView(record, nameEnd, record.length, hash, actor, id);
  }

  /** A new record, in new memory. @param hash of `object` */
  static make(object: Uint8Array, hash: Hash64, actor: ActorId | undefined, id: RecordId): RecordView {
    const name = actor ?? '';
    const size = headBytes + name.length + object.length;
    const memory = takeMemory(size);
    const head = takenAt;
    memory[head] = format;
    memory[head + 1] = name.length;
    setInt32At(memory, head + 2, hash.low ^ actorHash(name));
    setInt32At(memory, head + 6, hash.high);
    for (let i = 0; i < name.length; i++) memory[head + headBytes + i] = name.charCodeAt(i);
    const start = head + headBytes + name.length;
    memory.set(object, start);
    return new RecordView(memory, start, head + size, hash, name, id);
  }

  /** With its head, as it is stored; a view. */
  get stored(): Uint8Array {
    const head = this.start - headBytes - (this.actor?.length ?? 0);
    return new Uint8Array(this.memory.buffer, this.memory.byteOffset + head, this.end - head);
  }

  get storedBytes(): number {
    return this.end - this.start + headBytes + (this.actor?.length ?? 0);
  }

  get bytes(): Uint8Array {
    const { memory, start, end } = this;
    this.#bytes ??= new Uint8Array(memory.buffer, memory.byteOffset + start, end - start);
    return this.#bytes;
  }

  get digest(): string {
    this.#digest ??= hex64(this);
    return this.#digest;
  }

  get object(): VersionedObject {
    this.#object ??= this.#decode();
    return this.#object;
  }

  #decode(): VersionedObject {
    try {
      return decodeObject(this.bytes);
    } catch (cause) {
      throw new CorruptRecordError(this.#id, 'its object does not decode', {}, { cause });
    }
  }
}

/** A record that comes from a store, or why it cannot be read. */
export function readable(record: Uint8Array, id: RecordId): RecordView | CorruptRecordError {
  try {
    return RecordView.read(record, id);
  } catch (error) {
    if (error instanceof CorruptRecordError) return error;
    throw error;
  }
}

/** FNV-1a of the characters, 0 for none: it is told when any one byte changes. */
function actorHash(name: string): number {
  let hash = name === '' ? 0 : 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash | 0;
}

function int32At(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function setInt32At(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

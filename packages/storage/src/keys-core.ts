import { KeyTooLongError } from './errors.ts';
import type { RecordId } from './port.ts';

/**
 * Keys of the one ordered table behind a store. A key is a *byte string*: a JavaScript string whose characters are bytes (0..255), so that
 * comparing strings compares bytes. The first character names the table:
 *
 *     P partition bucket 00 key      primary records         H partition bucket 00 key            stand-in records
 *     L partition                    Merkle leaves           O target 00 partition bucket 00 key  stand-in records by whom they are owed to
 *     M name                         meta of other parts     S name                               the store's own meta
 *     B partition                    barriers
 *
 * Partitions are 2 bytes, big endian. In a bucket's or target's name 00 becomes 01 01 and 01 becomes 01 02: so names hold
 * no 00, and the order of (partition, bucket, key) is the order of bytes. The longest key has 1,798 bytes; LMDB takes 1,978.
 */
export type ByteKey = string;

const maxBytes = { key: 1024, bucket: 128, target: 128, 'meta key': 512 };
const end = '\x00';

/** The bytes of a byte string, in new memory. */
export function bytesOfKey(key: ByteKey): Buffer {
  return Buffer.from(key, 'latin1');
}

export function keyOfBytes(bytes: Uint8Array): ByteKey {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** UTF-8 as a byte string. */
function utf8(what: keyof typeof maxBytes, text: string): ByteKey {
  const bytes = isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
  if (bytes.length > maxBytes[what]) throw new KeyTooLongError(what, bytes.length, maxBytes[what]);
  return bytes;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}

const fromUtf8 = (bytes: ByteKey): string => (isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString());
const escapeEnd = (bytes: ByteKey): ByteKey =>
  needsEscape(bytes) ? bytes.replaceAll('\x01', '\x01\x02').replaceAll(end, '\x01\x01') : bytes;
const unescapeEnd = (bytes: ByteKey): ByteKey =>
  needsEscape(bytes)
    ? bytes
        .split('\x01\x01')
        .map((part) => part.replaceAll('\x01\x02', '\x01'))
        .join(end)
    : bytes;
const needsEscape = (bytes: ByteKey): boolean => bytes.includes('\x01') || bytes.includes(end);
const uint16 = (n: number): ByteKey => String.fromCharCode(n >>> 8, n & 255);
const readUint16 = (key: ByteKey, at: number): number => (key.charCodeAt(at) << 8) | key.charCodeAt(at + 1);

/** What stands before the key in all records of a bucket in a partition. */
export function bucketPrefix(partition: number, bucket: string): ByteKey {
  return uint16(partition) + escapeEnd(utf8('bucket', bucket)) + end;
}

/** An id without the letter of its table. @throws KEY_TOO_LONG */
export function encodeId({ partition, bucket, key }: RecordId): ByteKey {
  return bucketPrefix(partition, bucket) + utf8('key', key);
}

/** The inverse of {@link encodeId}, starting at a position of the key. */
export function decodeId(bytes: ByteKey, start: number): RecordId {
  const at = bytes.indexOf(end, start + 2);
  return {
    partition: readUint16(bytes, start),
    bucket: fromUtf8(unescapeEnd(bytes.slice(start + 2, at))),
    key: fromUtf8(bytes.slice(at + 1)),
  };
}

export const primaryKey = (id: RecordId): ByteKey => `P${encodeId(id)}`;
export const hintKey = (id: RecordId): ByteKey => `H${encodeId(id)}`;
export const owedPrefix = (target: string): ByteKey => `O${escapeEnd(utf8('target', target))}${end}`;
export const owedKey = (target: string, encodedId: ByteKey): ByteKey => owedPrefix(target) + encodedId;
export const leavesKey = (partition: number): ByteKey => `L${uint16(partition)}`;
export const isPrimaryKey = (key: ByteKey): boolean => key.charCodeAt(0) === 0x50;
export const isHintKey = (key: ByteKey): boolean => key.charCodeAt(0) === 0x48;
export const partitionOfKey = (key: ByteKey): number => readUint16(key, 1);
export const partitionPrefix = (partition: number): ByteKey => `P${uint16(partition)}`;
export const partitionsAtMost = 65_536;
/** Tables whose keys begin with a partition. */
export type PartitionedTable = 'P' | 'H' | 'L';
/** Where the partition's rows of a table begin; of one past the last partition: where the table ends. */
export const partitionKey = (table: PartitionedTable, partition: number): ByteKey =>
  partition >= partitionsAtMost ? nextTable(table) : `${table}${uint16(partition)}`;
const nextTable = (table: string): ByteKey => String.fromCharCode(table.charCodeAt(0) + 1);
export const metaKey = (name: string): ByteKey => `M${utf8('meta key', name)}`;
export const metaName = (key: ByteKey): string => fromUtf8(key.slice(1));
export const ownKey = (name: string): ByteKey => `S${name}`;
export const barrierKey = (partition: number): ByteKey => `B${uint16(partition)}`;

/** The target of a key of table O. */
export function owedTarget(key: ByteKey): string {
  return fromUtf8(unescapeEnd(key.slice(1, key.indexOf(end))));
}

/** The first key after all that start with the prefix (which starts with a letter, so there is one). */
export function afterPrefix(prefix: ByteKey): ByteKey {
  let last = prefix.length - 1;
  while (prefix.charCodeAt(last) === 255) last--;
  return prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
}

/** The least key greater than this one. */
export const nextKey = (key: ByteKey): ByteKey => `${key}\x00`;

/**
 * Keys of one group lie together in the order, groups in the order of their numbers, and no range that a store walks spans two: a table by
 * itself, or its part of one partition.
 */
export function groupOf(key: ByteKey): number {
  const table = key.charCodeAt(0);
  const parted = table === 0x50 || table === 0x48 || table === 0x4c; // P, H, L
  return parted ? (table << 16) | readUint16(key, 1) : table << 16;
}

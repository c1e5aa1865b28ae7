import { hash } from 'node:crypto';
import type { MembershipRecord, RingVersion } from './contract.ts';
import { md5Top16 } from './md5-core.ts';

/**
 * The partition of a key: the top log2(`partitions`) bits of the 128-bit MD5 of `bucket NUL key` (UTF-8), as in section 4.3 of the Dynamo
 * paper. `partitions` is a power of two up to 65,536.
 */
export function partitionOf(bucket: string, key: string, partitions: number): number {
  const short = md5Top16(bucket, key);
  const top16 = short >= 0 ? short : Number.parseInt(hash('md5', `${bucket}\0${key}`).slice(0, 4), 16);
  return top16 >>> (Math.clz32(partitions) - 15);
}

/** JSON with sorted keys and without absent members: equal records have equal text, whatever made them. */
function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalText(member)}`);
  return `{${members.join(',')}}`;
}

/** Records never change, and a history asks for the hashes of all of them whenever one comes in. */
const knownHashes = new WeakMap<MembershipRecord, string>();

/** The identity of a record: 64 bits (16 hex digits) of the SHA-256 of its canonical encoding. */
export function recordHash(record: MembershipRecord): string {
  let known = knownHashes.get(record);
  if (known === undefined) {
    known = hash('sha256', canonicalText(record)).slice(0, 16);
    knownHashes.set(record, known);
  }
  return known;
}

/** The version of a history: how many records, and the sum of their hashes modulo 2^64. The hashes must be distinct. */
export function versionOfHashes(hashes: readonly string[]): RingVersion {
  let sum = 0n;
  for (const digits of hashes) sum += BigInt(`0x${digits}`);
  return Object.freeze({ size: hashes.length, digest: BigInt.asUintN(64, sum).toString(16).padStart(16, '0') });
}

/** A 32-bit hash of a text (FNV-1a over UTF-16 units): the seed of {@link mix}. Not for identities. */
export function seedOf(text: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  return state >>> 0;
}

/** A 32-bit number that looks random, drawn from two (the finalizer of MurmurHash3): deterministic tie-breaks that do not favour anyone. */
export function mix(a: number, b: number): number {
  let state = (a ^ Math.imul(b + 1, 0x9e3779b1)) | 0;
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return (state ^ (state >>> 16)) >>> 0;
}

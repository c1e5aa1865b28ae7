import xxhash from 'xxhash-wasm';

// Compiled once, when the module is loaded; hashing itself is synchronous.
const { h64Raw } = await xxhash();

/** 64-bit xxHash of the bytes, under a seed. About 0.3 us for 1 KB. */
export function hash64(bytes: Uint8Array, seed?: bigint): bigint {
  return h64Raw(bytes, seed);
}

/** A 64-bit hash as it is shown and sent: 16 hex digits. */
export function hex64(hash: bigint): string {
  return hash.toString(16).padStart(16, '0');
}

/** The digest of an object: the 64-bit hash of its canonical bytes, 16 hex digits. */
export function digestOf(bytes: Uint8Array): string {
  return hex64(hash64(bytes));
}

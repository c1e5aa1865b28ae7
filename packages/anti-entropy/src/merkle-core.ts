import { leavesPerPartition } from '@ringfort/storage';

/**
 * The tree over a partition's leaves: root, 32 branches, 1,024 leaves. Each node is the sum (XOR) of the shares of all records below it, so
 * that a write changes the root without any other leaf being looked at; shares are hashes keyed by the record's key, so sums that are equal
 * tell of equal records but for 1 of 2^64. On the wire and here a digest is 8 bytes, and digests stand side by side.
 */
export const digestBytes = 8;
export const branches = 32;
export const leavesPerBranch = leavesPerPartition / branches;
export const branchBytes = leavesPerBranch * digestBytes;

/** All leaves of a partition, side by side. @param leaves those that are not empty, 16 hex digits each */
export function packLeaves(leaves: ReadonlyMap<number, string>): Uint8Array {
  const packed = Buffer.alloc(leavesPerPartition * digestBytes);
  for (const [leaf, digest] of leaves) packed.write(digest, leaf * digestBytes, 'hex');
  return packed;
}

/** The leaves of one branch; a view. */
export function leavesOfBranch(packed: Uint8Array, branch: number): Uint8Array {
  return packed.subarray(branch * branchBytes, (branch + 1) * branchBytes);
}

/** All branches of a partition, side by side. */
export function branchesOf(packed: Uint8Array): Uint8Array {
  const out = new Uint8Array(branches * digestBytes);
  for (let branch = 0; branch < branches; branch++) {
    const sum = out.subarray(branch * digestBytes, (branch + 1) * digestBytes);
    sumInto(sum, leavesOfBranch(packed, branch));
  }
  return out;
}

/** The root, 16 hex digits. */
export function rootOf(packed: Uint8Array): string {
  const sum = new Uint8Array(digestBytes);
  sumInto(sum, packed);
  return Buffer.from(sum).toString('hex');
}

/** Indices of the digests in which two rows of them differ. */
export function differing(a: Uint8Array, b: Uint8Array): number[] {
  const found: number[] = [];
  for (let at = 0; at < a.length; at += digestBytes) {
    for (let i = at; i < at + digestBytes; i++) {
      if (a[i] === b[i]) continue;
      found.push(at / digestBytes);
      break;
    }
  }
  return found;
}

function sumInto(sum: Uint8Array, digests: Uint8Array): void {
  for (let i = 0; i < digests.length; i++) sum[i % digestBytes]! ^= digests[i]!;
}

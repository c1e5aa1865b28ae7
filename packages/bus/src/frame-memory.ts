/** Frames share allocations of this size: one for each would cost more than filling it. */
const BLOCK_BYTES = 64 * 1024;

let block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
let used = 0;

/** A copy of a frame in memory of its own. At most a block lives as long as any frame in it. */
export function frameMemory(frame: Buffer): Buffer {
  if (used + frame.length > BLOCK_BYTES) {
    block = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, frame.length));
    used = 0;
  }
  const copy = block.subarray(used, used + frame.length);
  copy.set(frame);
  used += frame.length;
  return copy;
}

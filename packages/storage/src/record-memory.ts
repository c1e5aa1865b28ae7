/** Small enough that few live records keep a piece, large enough that making pieces costs little. */
const pieceBytes = 16 * 1024;

let piece: Buffer = Buffer.allocUnsafeSlow(pieceBytes);
let used = 0;

/** Where {@link takeMemory} found room. */
export let takenAt = 0;

/** Memory for one record, which starts at {@link takenAt}; records share pieces, so that none needs an ArrayBuffer of its own. */
export function takeMemory(bytes: number): Uint8Array {
  if (bytes > pieceBytes / 4) {
    takenAt = 0;
    return Buffer.allocUnsafeSlow(bytes);
  }
  if (used + bytes > pieceBytes) {
    piece = Buffer.allocUnsafeSlow(pieceBytes);
    used = 0;
  }
  takenAt = used;
  used += bytes;
  return piece;
}

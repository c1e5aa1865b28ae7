const OFFSET_HIGH = 0xcbf29ce4;
const OFFSET_LOW = 0x84222325;
/** The 64-bit FNV prime is 2^40 + 435. */
const PRIME_REST = 435;
const UINT32 = 0x1_0000_0000;

/**
 * `abs(fnv1a64(value)) % bound`, as YCSB scatters ranks over keys (`Utils.fnvhash64`: the eight bytes of the number, lowest first; the
 * result taken as a signed 64-bit number). Computed in halves of 32 bits, without BigInt.
 *
 * @param value a whole number in `[0, 2^53)`
 * @param bound a whole number in `[1, 2^20]`: larger ones would not be exact
 */
export function fnvBelow(value: number, bound: number): number {
  let high = OFFSET_HIGH;
  let low = OFFSET_LOW;
  let rest = value;
  for (let byte = 0; byte < 8; byte += 1) {
    low = (low ^ (rest % 256)) >>> 0;
    rest = Math.floor(rest / 256);
    const product = low * PRIME_REST;
    const carried = high * PRIME_REST + Math.floor(product / UINT32) + ((low << 8) >>> 0);
    low = product % UINT32;
    high = carried % UINT32;
  }
  if (high >= UINT32 / 2) {
    // Negative as a signed number: two's complement.
    low = (UINT32 - low) % UINT32;
    high = (UINT32 - 1 - high + (low === 0 ? 1 : 0)) % UINT32;
  }
  return ((high % bound) * (UINT32 % bound) + (low % bound)) % bound;
}

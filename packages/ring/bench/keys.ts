/** A repeatable sequence of numbers in [0, 1) (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The fraction of all requests that goes to each of `count` keys: proportional to 1 / rank^skew. */
export function zipfian(count: number, skew: number): Float64Array {
  const rates = Float64Array.from({ length: count }, (_, rank) => (rank + 1) ** -skew);
  const total = rates.reduce((sum, rate) => sum + rate, 0);
  return rates.map((rate) => rate / total);
}

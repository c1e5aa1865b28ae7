import type { HlcStamp } from './types.ts';

/**
 * Hybrid logical clock (Kulkarni, Demirbas et al., "Logical physical clocks", 2014): wall time where that grows, a logical counter
 * where it does not. Stamps order concurrent writes of LWW buckets; causality is never derived from them.
 */

/** Negative, zero or positive as `a` is lower than, equal to or higher than `b`. */
export function compareStamps(a: HlcStamp, b: HlcStamp): number {
  return a.wallMs - b.wallMs || a.logical - b.logical;
}

/** The higher of two stamps, where there is one. */
export function higherStamp(a: HlcStamp | undefined, b: HlcStamp | undefined): HlcStamp | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  return compareStamps(b, a) > 0 ? b : a;
}

/**
 * A stamp higher than `previous` (the last one this node gave), than every one in `seen` (the siblings held, and the stamp of the
 * writer's context), and not below the wall clock.
 */
export function nextStamp(
  previous: HlcStamp | undefined,
  nowMs: number,
  ...seen: readonly (HlcStamp | undefined)[]
): HlcStamp {
  const highest = seen.reduce(higherStamp, previous);
  const wallMs = Math.max(0, Math.floor(nowMs));
  if (highest === undefined || wallMs > highest.wallMs) return { wallMs, logical: 0 };
  return { wallMs: highest.wallMs, logical: highest.logical + 1 };
}

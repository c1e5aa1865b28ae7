import type { Address } from '@ringfort/bus';

/** One place that requests are sent to. */
export interface Peer {
  readonly id: string;
  readonly address: Address;
}

/** How long a suspect is left alone before it is probed: doubles from `minMs` with each failed probe, up to `maxMs`. */
export function probeDelayMs(failures: number, minMs: number, maxMs: number): number {
  return Math.min(maxMs, minMs * 2 ** Math.min(failures, 30));
}

/** The first healthy node of the list that was not tried yet; when all of those are suspect, the first untried. */
export function pickNode(
  list: readonly string[],
  isSuspect: (node: string) => boolean,
  tried: readonly string[],
): string | undefined {
  let fallback: string | undefined;
  for (const node of list) {
    if (tried.includes(node)) continue;
    if (!isSuspect(node)) return node;
    fallback ??= node;
  }
  return fallback;
}

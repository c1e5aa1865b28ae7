import type { Ring } from '@ringfort/ring';
import type { BrokenInvariant } from './violations.ts';

/** Which history a node knows, and what it makes of it. */
export interface RingView {
  readonly node: string;
  /** Of its membership history. */
  readonly history: string;
  /** Of who owns what, and of the buckets. */
  readonly ring: string;
}

const historyOf = ({ version }: Ring): string => `${version.size}/${version.digest}`;

function ringOf(ring: Ring): string {
  const { nodes, buckets, partitions, founded } = ring;
  const lists = Array.from({ length: founded ? partitions : 0 }, (_, partition) => ring.preferenceList(partition));
  return JSON.stringify({ nodes, buckets, partitions, founded, lists });
}

/** Looks at the nodes' rings while a run goes on: each is written out once per history and node, as nodes may be many. */
export class Rings {
  readonly #seen = new Map<string, Ring>();
  readonly views: RingView[] = [];

  look(node: string, ring: Ring): void {
    if (this.#seen.get(node) === ring) return;
    this.#seen.set(node, ring);
    this.views.push({ node, history: historyOf(ring), ring: ringOf(ring) });
  }

  /** The nodes' histories by now. */
  latest(nodes: readonly string[]): string[] {
    return nodes.flatMap((node) => {
      const ring = this.#seen.get(node);
      return ring === undefined ? [] : [`${node} ${historyOf(ring)}`];
    });
  }
}

/** S5: the same history makes the same ring; `healed`: what each node knows in the end is the same. */
export function checkRings(views: readonly RingView[], healed: readonly string[]): BrokenInvariant[] {
  const byHistory = new Map<string, RingView>();
  const broken: BrokenInvariant[] = [];
  for (const view of views) {
    const first = byHistory.get(view.history) ?? view;
    byHistory.set(view.history, first);
    if (first.ring === view.ring) continue;
    const what = `${first.node} and ${view.node} make different rings of the same history ${view.history}`;
    broken.push({ invariant: 'S5', what });
  }
  const histories = new Set(healed.map((one) => one.slice(one.indexOf(' ') + 1)));
  if (histories.size > 1)
    broken.push({ invariant: 'S5', what: `histories differ after healing: ${healed.join(', ')}` });
  return broken;
}

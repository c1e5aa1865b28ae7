import type { EventLog } from './event-log.ts';
import type { Fault, NemesisWorld } from './fault.ts';
import { linkNemeses } from './link-nemeses.ts';
import { membershipNemeses } from './membership-nemeses.ts';
import { nodeNemeses } from './node-nemeses.ts';
import type { NemesisKind, NemesisPlan, Strike } from './plan-shape.ts';
import type { SimNode } from './sim-node.ts';

const faults: Readonly<Record<NemesisKind, Fault>> = { ...linkNemeses, ...nodeNemeses, ...membershipNemeses };
/** Between two ends, or two sides: all nodes that are named take part in one. */
const betweenNodes: ReadonlySet<NemesisKind> = new Set(['cut', 'cutOneWay', 'split']);

/** Lets faults begin and end as planned until it is told to stop; then mends all. */
export class Nemeses {
  readonly #world: NemesisWorld;
  readonly #mends = new Set<() => void>();
  /** How many faults may still begin. */
  #left: number;
  #over = false;

  constructor(
    world: Omit<NemesisWorld, 'say'> & { readonly log: EventLog },
    plans: readonly NemesisPlan[],
    strikes: readonly Strike[],
    maxFaults = Number.POSITIVE_INFINITY,
  ) {
    this.#left = maxFaults;
    this.#world = { ...world, say: (who, what) => world.log.add('nemesis', `${who} ${what}`) };
    for (const plan of plans) this.#next(plan);
    for (const strike of strikes) this.#later(strike);
  }

  /** All that lasts ends now, in the order in which it began; nothing begins any more. */
  stop(): void {
    this.#over = true;
    for (const mend of this.#mends) mend();
    this.#mends.clear();
  }

  #next(plan: NemesisPlan): void {
    this.#after(plan.everyMs, () => {
      if (this.#over) return;
      this.#strike(plan.kind, [], (end) => this.#after(plan.forMs, end));
      this.#next(plan);
    });
  }

  #later({ kind, atMs, forMs, on }: Strike): void {
    const { clock, cluster } = this.#world;
    clock.setTimeout(() => {
      if (this.#over) return;
      const nodes = on.map((place) => cluster.nodeAt(place));
      const groups = betweenNodes.has(kind) || nodes.length === 0 ? [nodes] : nodes.map((node) => [node]);
      for (const chosen of groups) this.#strike(kind, chosen, (end) => clock.setTimeout(end, forMs));
    }, atMs);
  }

  #strike(kind: NemesisKind, chosen: readonly SimNode[], whenOver: (end: () => void) => void): void {
    if (this.#left <= 0) return;
    this.#left -= 1;
    const mend = faults[kind](this.#world, chosen);
    if (mend === undefined) return;
    this.#mends.add(mend);
    whenOver(() => {
      if (this.#mends.delete(mend)) mend();
    });
  }

  #after(meanMs: number, fn: () => void): void {
    const { clock, random } = this.#world;
    clock.setTimeout(fn, -Math.log(1 - random.float()) * meanMs);
  }
}

import { noLinkFaults } from './link-faults.ts';
import type { SimPlan } from './plan-shape.ts';

/** What is taken away from a drawn plan; the same options repeat the same simpler run. */
export interface Simplification {
  /** Kinds of faults that are left out; `links`: those of all links. */
  readonly without: readonly string[];
  readonly requests?: number | undefined;
  readonly clients?: number | undefined;
  readonly keys?: number | undefined;
  readonly nodes?: number | undefined;
  /** How many faults begin: the first ones of the run. */
  readonly faults?: number | undefined;
  /** Draws what chance decides anew while the plan stays: a simpler plan may break as well, but not by the same dice. */
  readonly variant?: number | undefined;
}

export const unchanged: Simplification = { without: [] };

const FEWEST_NODES = 3;
const FEWEST_REQUESTS = 1;
/** As many as no run has. */
const MANY_FAULTS = 64;
/** How many times the dice are thrown for a step that does not fail at once. */
const VARIANTS = 4;
const VARIANT_STRIDE = 1_000_003;

/** The plan with less in it. */
export function simplified(plan: SimPlan, less: Simplification): SimPlan {
  const { without, requests = plan.maxRequests, clients, keys, nodes = plan.nodes, faults, variant = 0 } = less;
  const { workload } = plan;
  return {
    ...plan,
    seed: plan.seed + variant * VARIANT_STRIDE,
    nodes: Math.max(FEWEST_NODES, Math.min(nodes, plan.nodes)),
    maxRequests: Math.min(requests, plan.maxRequests),
    links: without.includes('links') ? noLinkFaults : plan.links,
    nemeses: plan.nemeses.filter(({ kind }) => !without.includes(kind)),
    strikes: plan.strikes.filter(({ kind }) => !without.includes(kind)),
    ...(faults !== undefined && { maxFaults: faults }),
    workload: {
      ...workload,
      clients: Math.max(1, Math.min(clients ?? workload.clients, workload.clients)),
      keys: Math.max(1, Math.min(keys ?? workload.keys, workload.keys)),
    },
  };
}

/** As options of the command line. */
export function optionsOf({ without, ...numbers }: Simplification): string {
  const left = without.length > 0 ? ` --without ${without.join(',')}` : '';
  const counts = Object.entries(numbers).flatMap(([name, value]) => (value === undefined ? [] : ` --${name} ${value}`));
  return `${left}${counts.join('')}`;
}

/** Steps that each make the plan simpler than `less` does, the greatest first. */
function stepsFrom(plan: SimPlan, less: Simplification): Simplification[] {
  const { nemeses, strikes, links, workload, maxRequests, maxFaults = MANY_FAULTS, nodes } = simplified(plan, less);
  const { clients, keys } = workload;
  const kinds = [...new Set([...nemeses, ...strikes].map(({ kind }): string => kind))];
  const counted = kinds.length > 0 ? maxFaults : 0;
  if (Object.values(links).some((rate) => rate > 0) && links !== noLinkFaults) kinds.push('links');
  const leaveOut = (some: readonly string[]) => ({ ...less, without: [...less.without, ...some] });
  return [
    ...(kinds.length > 1 ? [leaveOut(kinds)] : []),
    ...fewer(maxRequests, FEWEST_REQUESTS, [0.25, 0.5]).map((requests) => ({ ...less, requests })),
    ...fewer(counted, 0, [0.1, 0.5]).map((faults) => ({ ...less, faults })),
    ...fewer(clients, 1, [0, 0.5]).map((count) => ({ ...less, clients: count })),
    ...fewer(keys, 1, [0, 0.5]).map((count) => ({ ...less, keys: count })),
    ...fewer(nodes, FEWEST_NODES, [0, 0.8]).map((count) => ({ ...less, nodes: count })),
    ...kinds.map((kind) => leaveOut([kind])),
    ...fewer(maxRequests, FEWEST_REQUESTS, [0.8, 0.95]).map((requests) => ({ ...less, requests })),
    ...fewer(counted, 0, [0.8, 0.95]).map((faults) => ({ ...less, faults })),
  ];
}

/** These parts of a number, each less than it and no less than the least. */
function fewer(count: number, least: number, parts: readonly number[]): number[] {
  const counts = parts.map((part) => Math.max(least, Math.min(count - 1, Math.floor(count * part))));
  return [...new Set(counts)].filter((one) => one < count);
}

/**
 * Looks for the simplest plan that still fails: takes away whatever can be taken away, as long as `fails` says so, in at most `maxTries` runs. A
 * simpler plan makes another run, in which the same bug may stay hidden: where no step fails with the same dice, each is tried with some others.
 */
export async function shrink(
  plan: SimPlan,
  from: Simplification,
  fails: (plan: SimPlan) => Promise<boolean>,
  maxTries: number,
): Promise<Simplification> {
  const tried = new Set<string>();
  const failsAnew = async (step: Simplification): Promise<boolean> => {
    const name = optionsOf(step);
    if (tried.size >= maxTries || tried.has(name)) return false;
    tried.add(name);
    return fails(simplified(plan, step));
  };
  const next = async (best: Simplification): Promise<Simplification | undefined> => {
    const steps = stepsFrom(plan, best);
    for (const step of steps) if (await failsAnew(step)) return step;
    for (let variant = 1; variant < VARIANTS; variant += 1) {
      for (const step of steps) if (await failsAnew({ ...step, variant })) return { ...step, variant };
    }
    return undefined;
  };
  let best = from;
  for (let simpler = await next(best); simpler !== undefined; simpler = await next(best)) best = simpler;
  return best;
}

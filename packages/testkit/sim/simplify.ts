import { noLinkFaults } from './link-faults.ts';
import type { SimPlan } from './plan.ts';

/** What is taken away from a drawn plan; the same options repeat the same simpler run. */
export interface Simplification {
  /** Kinds of faults that are left out; `links`: those of all links. */
  readonly without: readonly string[];
  readonly requests?: number | undefined;
  readonly clients?: number | undefined;
  readonly keys?: number | undefined;
  readonly nodes?: number | undefined;
}

export const unchanged: Simplification = { without: [] };

const FEWEST_NODES = 3;

/** The plan with less in it. */
export function simplified(plan: SimPlan, less: Simplification): SimPlan {
  const { without, requests = plan.maxRequests, clients, keys, nodes = plan.nodes } = less;
  const { workload } = plan;
  return {
    ...plan,
    nodes: Math.max(FEWEST_NODES, Math.min(nodes, plan.nodes)),
    maxRequests: Math.min(requests, plan.maxRequests),
    links: without.includes('links') ? noLinkFaults : plan.links,
    nemeses: plan.nemeses.filter(({ kind }) => !without.includes(kind)),
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
  const { nemeses, links, workload, maxRequests, nodes } = simplified(plan, less);
  const kinds = nemeses.map(({ kind }): string => kind);
  if (Object.values(links).some((rate) => rate > 0) && links !== noLinkFaults) kinds.push('links');
  return [
    ...(maxRequests > 4 ? [{ ...less, requests: Math.floor(maxRequests / 2) }] : []),
    ...(workload.clients > 1 ? [{ ...less, clients: workload.clients - 1 }] : []),
    ...(workload.keys > 1 ? [{ ...less, keys: Math.ceil(workload.keys / 2) }] : []),
    ...(nodes > FEWEST_NODES ? [{ ...less, nodes: nodes - 1 }] : []),
    ...kinds.map((kind) => ({ ...less, without: [...less.without, kind] })),
    ...(maxRequests > 4 ? [{ ...less, requests: Math.floor(maxRequests * 0.8) }] : []),
  ];
}

/**
 * Looks for the simplest plan that still fails: takes away whatever can be taken away, as long as `fails` says so, in at most `maxTries` runs. The
 * random source is the same, but draws something else with every change: what fails then need not be the very same run.
 */
export async function shrink(
  plan: SimPlan,
  from: Simplification,
  fails: (plan: SimPlan) => Promise<boolean>,
  maxTries: number,
): Promise<Simplification> {
  let best = from;
  let tries = 0;
  for (let progressed = true; progressed && tries < maxTries; ) {
    progressed = false;
    for (const step of stepsFrom(plan, best)) {
      if (tries >= maxTries) break;
      tries += 1;
      if (!(await fails(simplified(plan, step)))) continue;
      best = step;
      progressed = true;
      break;
    }
  }
  return best;
}

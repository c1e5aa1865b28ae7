import type { SeededRandom } from '../src/index.ts';
import type { NemesisKind, NemesisPlan, Scenario, SimPlan } from './plan-shape.ts';

const often = (kind: NemesisKind, everyMs: number, forMs = 0): NemesisPlan => ({ kind, everyMs, forMs });

/** Long enough for slots to move meanwhile. */
const elastic = (plan: SimPlan): SimPlan => ({
  ...plan,
  nodes: Math.min(plan.nodes, 4),
  partitions: Math.min(plan.partitions, 16),
  antiEntropyMs: 5_000,
  loadMs: 10_000,
  maxRequests: 500,
  workload: { ...plan.workload, thinkMs: Math.max(30, plan.workload.thinkMs) },
});

const some = (random: SeededRandom, plans: readonly NemesisPlan[]): NemesisPlan[] =>
  plans.filter(() => random.chance(0.6));

/** Clusters whose members change while clients read and write. */
export const elasticScenarios: Readonly<Record<string, Scenario>> = {
  grow: {
    about: 'a node is added to a cluster in which nothing fails',
    faults: [],
    linkFaults: false,
    fix: (plan) => ({ ...elastic(plan), strikes: [{ kind: 'addNode', atMs: 200, forMs: 0, on: [] }] }),
  },
  'grow-and-shrink': {
    about: 'nodes are added, leave, are lost and replaced, and weighed anew, in a cluster in which nothing else fails',
    faults: [],
    linkFaults: false,
    fix: (plan, random) => ({
      ...elastic(plan),
      nemeses: [
        often('addNode', 2_000),
        ...some(random, [
          often('leave', 2_000),
          often('stay', 4_000),
          often('removeNode', 4_000),
          often('replaceNode', 4_000),
          often('reweight', 3_000),
          often('abortChange', 4_000),
        ]),
      ],
    }),
  },
  moving: {
    about: 'slots change hands all the time while primaries alone may answer, some hang, and replicas are not compared',
    faults: [],
    linkFaults: false,
    fix: (plan) => ({
      ...elastic(plan),
      nodes: 4,
      partitions: 8,
      durability: 'fsync',
      antiEntropyMs: 0,
      loadMs: 4_000,
      maxRequests: 400,
      nemeses: [
        often('addNode', 800),
        often('leave', 900),
        often('reweight', 300),
        often('pause', 400, 150),
        often('cut', 200, 300),
      ],
      workload: {
        ...plan.workload,
        bucket: 'siblings',
        clients: 5,
        keys: 2,
        hotShare: 0,
        thinkMs: 15,
        quorums: false,
        strict: true,
        timeoutsMs: [1_000],
      },
    }),
  },
  elastic: {
    about: 'the same, while links, processes and disks fail',
    faults: [
      'cut',
      'cutOneWay',
      'split',
      'disconnect',
      'crash',
      'powerLoss',
      'restart',
      'pause',
      'slow',
      'slowDisk',
      'flap',
    ],
    linkFaults: true,
    fix: (plan, random) => ({
      ...elastic(plan),
      nemeses: [
        ...plan.nemeses,
        ...some(random, [
          often('addNode', 2_000),
          often('leave', 2_000),
          often('stay', 4_000),
          often('removeNode', 4_000),
          often('replaceNode', 4_000),
          often('reweight', 3_000),
          often('abortChange', 4_000),
        ]),
      ],
    }),
  },
};

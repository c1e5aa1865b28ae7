import { type SeededRandom, seededRandom } from '../src/index.ts';
import { aimedScenarios } from './aimed-scenarios.ts';
import { elasticScenarios } from './elastic-scenarios.ts';
import { type LinkFaultRates, noLinkFaults } from './link-faults.ts';
import { namedScenarios } from './named-scenarios.ts';
import {
  type NemesisKind,
  type NemesisPlan,
  nemesisKinds,
  type Scenario,
  type SimPlan,
  type Workload,
} from './plan-shape.ts';

/** Kinds of which the plans of earlier seeds know nothing: drawn from a random source of their own, which leaves those as they were. */
const laterKinds: readonly NemesisKind[] = ['flap', 'clockDrift', 'fullDisk', 'corrupt'];
/** What operators do; only in scenarios of their own. */
const changes: readonly NemesisKind[] = [
  'addNode',
  'leave',
  'stay',
  'removeNode',
  'replaceNode',
  'reweight',
  'abortChange',
];
const firstKinds = nemesisKinds.filter((kind) => !laterKinds.includes(kind) && !changes.includes(kind));
const harmless = firstKinds.filter((kind) => kind !== 'lostTail' && kind !== 'wipe');

export const scenarios: Readonly<Record<string, Scenario>> = {
  default: {
    about: 'any subset of all faults, any kind of bucket',
    faults: nemesisKinds.filter((kind) => !changes.includes(kind)),
    linkFaults: true,
    anyBucket: true,
  },
  reaping: {
    about: 'the default mix, and what was deleted or has expired is collected meanwhile',
    faults: nemesisKinds.filter((kind) => !changes.includes(kind)),
    linkFaults: true,
    anyBucket: true,
    collects: true,
  },
  calm: { about: 'no faults at all', faults: [], linkFaults: false },
  network: {
    about: 'links and connections alone',
    faults: ['cut', 'cutOneWay', 'split', 'disconnect'],
    linkFaults: true,
  },
  crashes: {
    about: 'processes and machines that die and come back, pause and lag',
    faults: ['crash', 'powerLoss', 'blackout', 'restart', 'pause', 'slow', 'slowDisk'],
    linkFaults: false,
  },
  disks: {
    about: 'disks that forget what they had flushed',
    faults: ['wipe', 'crash', 'powerLoss', 'blackout', 'slowDisk'],
    linkFaults: true,
    fix: (plan, random) => ({
      ...plan,
      nemeses: [...plan.nemeses, { kind: 'lostTail', everyMs: random.pick([200, 600]), forMs: random.pick([10, 200]) }],
    }),
  },
  clocks: { about: 'wall clocks that jump', faults: ['clockJump', 'crash'], linkFaults: false },
  hot: {
    about: 'all faults that lose nothing, all clients on one key',
    faults: harmless,
    linkFaults: true,
    fix: (plan) => ({ ...plan, workload: { ...plan.workload, keys: 1 } }),
  },
  records: {
    about: 'records that rot on disk, disks that are full, connections that flap, processes that die',
    faults: ['crash', 'powerLoss', 'restart', 'pause', 'flap', 'fullDisk', 'corrupt'],
    linkFaults: true,
  },
  lww: {
    about: 'the last writer wins, though clocks jump and drift',
    faults: ['cut', 'split', 'crash', 'powerLoss', 'pause', 'clockJump', 'clockDrift', 'flap'],
    linkFaults: true,
    fix: (plan) => ({ ...plan, workload: { ...plan.workload, bucket: 'lww' } }),
  },
  ttl: {
    about: 'what is written expires, though clocks jump and drift',
    faults: ['cut', 'split', 'crash', 'powerLoss', 'pause', 'clockJump', 'clockDrift', 'flap'],
    linkFaults: true,
    fix: (plan) => ({ ...plan, workload: { ...plan.workload, bucket: 'ttl' } }),
  },
  ...namedScenarios,
  ...aimedScenarios,
  ...elasticScenarios,
};

/** The plan of one run: the same seed and scenario give the same one. */
export function drawPlan(seed: number, scenarioName: string): SimPlan {
  const scenario = scenarios[scenarioName];
  if (scenario === undefined) {
    throw new RangeError(`no scenario ${scenarioName}: ${Object.keys(scenarios).join(', ')}`);
  }
  const random = seededRandom(seed);
  const later = seededRandom(~seed);
  const latest = seededRandom(seed ^ 0xa17e);
  const collections = seededRandom(seed ^ 0xc011);
  const kinds = (late: boolean) => scenario.faults.filter((kind) => laterKinds.includes(kind) === late);
  const plan: SimPlan = {
    seed,
    scenario: scenarioName,
    nodes: random.pick([3, 4, 5, 5]),
    partitions: random.pick([8, 16, 64]),
    durability: random.chance(0.7) ? 'fsync' : 'interval',
    maxHintBytesPerTarget: random.chance(0.2) ? 300 : 1_000_000,
    maxInFlight: random.chance(0.15) ? 1 + random.below(3) : 4_096,
    maxSiblings: random.chance(0.1) ? 4 : 64,
    antiEntropyMs: latest.pick([0, 2_000, 5_000, 5_000]),
    collectMs: scenario.collects === true ? collections.pick([300, 700, 2_000]) : 0,
    courtesyMs: collections.pick([0, 0, 500]),
    scrubMs: seededRandom(seed ^ 0x5c2b).pick([0, 2_000]),
    loadMs: random.pick([2_000, 4_000, 10_000]),
    maxRequests: random.pick([60, 200, 400]),
    links: scenario.linkFaults ? drawLinks(random) : noLinkFaults,
    nemeses: [
      ...kinds(false).flatMap((kind) => drawNemesis(kind, random)),
      ...kinds(true).flatMap((kind) => drawNemesis(kind, later)),
    ],
    strikes: [],
    workload: drawWorkload(random, scenario.anyBucket === true ? later : undefined),
  };
  return scenario.fix?.(plan, random) ?? plan;
}

function drawLinks(random: SeededRandom): LinkFaultRates {
  const maybe = (most: number) => (random.chance(0.4) ? random.float() * most : 0);
  const rates = { drop: maybe(0.1), duplicate: maybe(0.1), reorder: maybe(0.2), delay: maybe(0.3) };
  return { ...rates, tailMs: random.pick([20, 200, 3_000]) };
}

function drawNemesis(kind: NemesisKind, random: SeededRandom): NemesisPlan[] {
  const enabled = random.chance(0.3);
  const everyMs = random.pick([300, 1_000, 3_000]);
  const forMs = random.pick([30, 300, 1_500, 5_000]);
  return enabled ? [{ kind, everyMs, forMs }] : [];
}

function drawWorkload(random: SeededRandom, later: SeededRandom | undefined): Workload {
  const weight = () => (random.chance(0.7) ? random.float() : 0);
  return {
    bucket: later?.pick(['siblings', 'siblings', 'siblings', 'lww', 'ttl'] as const) ?? 'siblings',
    clients: 1 + random.below(5),
    keys: random.pick([1, 2, 4, 8]),
    hotShare: random.pick([0, 0.5]),
    thinkMs: random.pick([5, 30, 100]),
    overlap: 0.15,
    mix: {
      get: 0.2 + weight(),
      blindPut: 0.05 + weight() * 0.3,
      update: 0.3 + weight(),
      stalePut: weight() * 0.3,
      ownPut: later === undefined ? 0 : later.float() * 0.3,
      delete: weight() * 0.3,
      blindDelete: weight() * 0.1,
    },
    quorums: random.chance(0.5),
    strict: random.chance(0.3),
    timeoutsMs: random.pick([[2_000], [400], [2_000, 400, 100]]),
  };
}

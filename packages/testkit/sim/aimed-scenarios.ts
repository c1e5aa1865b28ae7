import type { SeededRandom } from '../src/index.ts';
import type { NemesisKind, NemesisPlan, Scenario, SimPlan, Workload } from './plan-shape.ts';

/** A short run under the faults that put one mechanism to the test, and under nothing that would do its work for it. */
function aimed(
  about: string,
  draw: (random: SeededRandom) => { plan?: Partial<SimPlan>; workload?: Partial<Workload>; nemeses: NemesisPlan[] },
): Scenario {
  const fix = (drawn: SimPlan, random: SeededRandom): SimPlan => {
    const { plan, workload, nemeses } = draw(random);
    const ample = {
      maxHintBytesPerTarget: 1_000_000,
      maxInFlight: 4_096,
      maxSiblings: 64,
      antiEntropyMs: 0,
      collectMs: 0,
      scrubMs: 0,
    };
    return {
      ...drawn,
      ...ample,
      loadMs: 3_000,
      maxRequests: 150,
      ...plan,
      nemeses,
      workload: { ...drawn.workload, thinkMs: 15, timeoutsMs: [2_000, 400], ...workload },
    };
  };
  return { about, faults: [], linkFaults: false, fix };
}

const noActions = { get: 0, blindPut: 0, update: 0, stalePut: 0, ownPut: 0, delete: 0, blindDelete: 0 };
const often = (kind: NemesisKind, everyMs: number, forMs: number): NemesisPlan => ({ kind, everyMs, forMs });

/** Longer than any load. */
const FOR_GOOD_MS = 60_000;

/** Each aims at what the mix of all faults seldom comes upon. */
export const aimedScenarios: Readonly<Record<string, Scenario>> = {
  power: aimed('the power of the whole cluster fails again and again', (random) => ({
    plan: { durability: 'fsync', nodes: 3 },
    workload: { clients: 3, keys: 4, hotShare: 0, quorums: false, strict: false, timeoutsMs: [400] },
    nemeses: [often('blackout', 400, 20), ...(random.chance(0.5) ? [often('slowDisk', 500, 300)] : [])],
  })),
  handoff: aimed(
    'primaries hang or are cut off while others write, and nothing is forgotten: hints alone make all equal',
    (random) => ({
      plan: { nodes: random.pick([4, 5, 5]) },
      workload: { clients: 3, keys: 3, quorums: false, strict: false },
      nemeses: [
        often('pause', random.pick([300, 600]), random.pick([300, 900])),
        often('cut', 500, 500),
        ...(random.chance(0.5) ? [often('slow', 500, 500)] : []),
        ...(random.chance(0.5) ? [often('disconnect', 700, 400)] : []),
      ],
    }),
  ),
  strict: aimed('the cluster splits while primaries alone may answer', (random) => ({
    plan: { nodes: 5, loadMs: 6_000 },
    workload: {
      clients: 6,
      keys: 1,
      quorums: false,
      strict: true,
      timeoutsMs: [1_500],
      mix: { ...noActions, get: 1, blindPut: 0.3, update: 0.02 },
    },
    nemeses: [often('split', random.pick([500, 1_000]), random.pick([1_000, 2_000]))],
  })),
  detour: aimed(
    'a primary hears the others no more, but for a stand-in that hands over to it while it takes more; it is slow',
    () => ({
      plan: {
        nodes: 5,
        maxRequests: 200,
        strikes: [
          ...[0, 2, 4].map((place) => ({ kind: 'cut', on: [place, 1], atMs: 100, forMs: FOR_GOOD_MS }) as const),
          { kind: 'slowDisk', on: [1], atMs: 100, forMs: FOR_GOOD_MS },
        ],
      },
      workload: {
        clients: 4,
        keys: 1,
        thinkMs: 30,
        quorums: false,
        strict: false,
        mix: { ...noActions, blindPut: 0.1, ownPut: 1 },
      },
      nemeses: [],
    }),
  ),
  lossy: aimed('messages are lost, those of hints too, and nobody reads', () => ({
    plan: { nodes: 5, maxRequests: 100, links: { drop: 0.2, duplicate: 0, reorder: 0, delay: 0, tailMs: 0 } },
    workload: { clients: 4, keys: 12, thinkMs: 60, strict: false, mix: { ...noActions, blindPut: 0.3, ownPut: 1 } },
    nemeses: [],
  })),
  'two-targets': aimed('two primaries cannot hear the third, which owes both the same: one of them longer', () => ({
    plan: {
      nodes: 3,
      maxRequests: 120,
      strikes: [
        { kind: 'cut', on: [0, 1], atMs: 100, forMs: 900 },
        { kind: 'cut', on: [0, 2], atMs: 100, forMs: FOR_GOOD_MS },
      ],
    },
    workload: {
      clients: 3,
      keys: 12,
      thinkMs: 60,
      quorums: true,
      strict: false,
      mix: { ...noActions, blindPut: 0.3, ownPut: 1 },
    },
    nemeses: [],
  })),
  unread: aimed(
    'writes reach some replicas only, hardly a hint is kept, disks forget, and nobody reads: exchanges alone make all equal',
    (random) => ({
      plan: {
        nodes: random.pick([3, 4, 5]),
        maxHintBytesPerTarget: 200,
        antiEntropyMs: random.pick([700, 3_000]),
        links: { drop: 0.1, duplicate: 0.1, reorder: 0.1, delay: 0, tailMs: 20 },
      },
      workload: {
        clients: 3,
        keys: 6,
        hotShare: 0.2,
        thinkMs: 40,
        quorums: true,
        mix: { ...noActions, blindPut: 0.5, ownPut: 1, blindDelete: 0.2 },
      },
      nemeses: [
        often('crash', 600, random.pick([50, 400])),
        often('lostTail', random.pick([600, 1_500]), 50),
        ...(random.chance(0.5) ? [often('split', 800, 500)] : []),
      ],
    }),
  ),
  refill: aimed(
    'a primary loses its disk while another one lacks what it had taken with the third, which nobody reaches',
    (random) => {
      const awayMs = random.pick([2_500, 4_000]);
      return {
        plan: {
          nodes: 3,
          partitions: 8,
          maxHintBytesPerTarget: random.pick([200, 1_000_000]),
          antiEntropyMs: random.pick([0, 3_000]),
          loadMs: 6_000,
          maxRequests: 250,
          strikes: [
            { kind: 'cut', on: [0, 2], atMs: 50, forMs: 950 },
            { kind: 'cut', on: [1, 2], atMs: 50, forMs: 900 + awayMs },
            { kind: 'cut', on: [0, 1], atMs: 950, forMs: awayMs },
            { kind: 'wipe', on: [0], atMs: 960, forMs: random.pick([50, 500]) },
          ],
        },
        workload: {
          clients: 4,
          keys: 6,
          hotShare: 0,
          thinkMs: 60,
          quorums: false,
          strict: true,
          timeoutsMs: [400],
          mix: { ...noActions, get: 1, blindPut: 0.5, ownPut: 0.2 },
        },
        nemeses: random.chance(0.3) ? [often('wipe', 2_000, 50), often('crash', 1_000, 100)] : [],
      };
    },
  ),
  collections: aimed(
    'keys are deleted and written again under collections, while replicas miss writes, hardly a hint is kept, and processes die',
    (random) => ({
      plan: {
        nodes: random.pick([3, 4, 5]),
        loadMs: 6_000,
        maxRequests: 250,
        maxHintBytesPerTarget: 200,
        antiEntropyMs: random.pick([1_500, 4_000]),
        collectMs: 200,
        courtesyMs: random.pick([0, 0, 300]),
        links: { drop: 0.08, duplicate: 0.2, reorder: 0.1, delay: 0.08, tailMs: 2_000 },
      },
      workload: {
        clients: 3,
        keys: 3,
        hotShare: 0.3,
        thinkMs: 50,
        mix: { ...noActions, get: 0.4, blindPut: 0.4, update: 0.3, delete: 0.6, blindDelete: 0.1 },
      },
      nemeses: [often('crash', 700, random.pick([50, 300]))],
    }),
  ),
  rot: aimed(
    'records rot that nobody reads, and no replicas are compared: every store reads what it holds',
    (random) => ({
      plan: {
        nodes: random.pick([3, 5]),
        scrubMs: random.pick([700, 2_000]),
        loadMs: 4_000,
        strikes: [1_000, 1_800, 2_600].flatMap((atMs) => [
          { kind: 'powerLoss' as const, on: [0], atMs, forMs: 10 },
          ...[100, 150, 200, 250].map((afterMs) => ({
            kind: 'corrupt' as const,
            on: [0],
            atMs: atMs + afterMs,
            forMs: 0,
          })),
        ]),
      },
      workload: {
        clients: 3,
        keys: 12,
        hotShare: 0,
        thinkMs: 60,
        quorums: false,
        mix: { ...noActions, blindPut: 0.5, ownPut: 0.5 },
      },
      nemeses: random.chance(0.5) ? [often('crash', 800, 200)] : [],
    }),
  ),
  restarts: aimed('nodes are stopped and started again in good order', () => ({
    workload: { clients: 3, keys: 2 },
    nemeses: [often('restart', 300, 30), often('powerLoss', 1_500, 30)],
  })),
  twice: aimed('messages arrive twice', () => ({
    plan: { links: { drop: 0, duplicate: 0.3, reorder: 0.3, delay: 0.1, tailMs: 50 } },
    workload: { clients: 3, keys: 2 },
    nemeses: [],
  })),
  siblings: aimed('many writers who read nothing, and a limit of siblings', () => ({
    plan: { maxSiblings: 3, links: { drop: 0, duplicate: 0, reorder: 0, delay: 0.3, tailMs: 50 } },
    workload: {
      clients: 5,
      keys: 1,
      quorums: false,
      mix: { ...noActions, get: 0.2, blindPut: 1, update: 0.3, stalePut: 0.2, ownPut: 0.2, delete: 0.1 },
    },
    nemeses: [],
  })),
};

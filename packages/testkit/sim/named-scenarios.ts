import type { LinkFaultRates } from './link-faults.ts';
import type { NemesisKind, Scenario, SimPlan, Strike, Workload } from './plan-shape.ts';

const calmLinks: LinkFaultRates = { drop: 0, duplicate: 0, reorder: 0, delay: 0, tailMs: 0 };
const noActions = { get: 0, blindPut: 0, update: 0, stalePut: 0, ownPut: 0, delete: 0, blindDelete: 0 };
const primaries = [0, 1, 2];

/** What a named scenario fixes of a drawn plan; the rest is as for any cluster of five nodes. */
interface Fixed {
  readonly plan?: Partial<SimPlan>;
  readonly workload?: Partial<Omit<Workload, 'mix'>>;
  readonly mix?: Partial<Workload['mix']>;
  readonly strikes?: readonly Strike[];
}

const at = (kind: NemesisKind, on: readonly number[], atMs: number, forMs = 0): Strike => ({ kind, on, atMs, forMs });

/** A scenario in which certain things happen at certain times, while the clients do what they do anyway. */
function named(about: string, { plan, workload, mix, strikes = [] }: Fixed): Scenario {
  const base: Partial<SimPlan> = {
    nodes: 5,
    durability: 'fsync',
    maxHintBytesPerTarget: 1_000_000,
    maxInFlight: 4_096,
    maxSiblings: 64,
    antiEntropyMs: 3_000,
    collectMs: 0,
    loadMs: 6_000,
    maxRequests: 200,
    links: calmLinks,
  };
  const fix = (drawn: SimPlan): SimPlan => ({
    ...drawn,
    ...base,
    ...plan,
    strikes,
    workload: {
      ...drawn.workload,
      clients: 4,
      keys: 2,
      hotShare: 0.5,
      thinkMs: 120,
      quorums: false,
      strict: false,
      timeoutsMs: [2_000],
      ...workload,
      mix: mix === undefined ? drawn.workload.mix : { ...noActions, ...mix },
    },
  });
  return { about, faults: [], linkFaults: false, fix };
}

export const namedScenarios: Readonly<Record<string, Scenario>> = {
  'node-killed': named('the first primary dies under load, and comes back', {
    strikes: [at('crash', [0], 500, 4_000)],
  }),
  'node-paused': named('the first primary hangs for 15 s', {
    plan: { loadMs: 18_000 },
    workload: { thinkMs: 150 },
    strikes: [at('pause', [0], 500, 15_000)],
  }),
  'two-primaries-down': named('two of three primaries are dead for a while', {
    strikes: [at('crash', [0, 1], 500, 4_000)],
  }),
  'all-primaries-down': named('all primaries of a key are dead for a while', {
    strikes: [at('crash', primaries, 500, 4_000)],
  }),
  'cluster-killed': named('all machines lose power under load, twice', {
    strikes: [at('blackout', [], 1_000, 300), at('blackout', [], 3_000, 300)],
  }),
  'partition-halves': named('the cluster is cut in two, with clients on both sides', {
    strikes: [at('split', [0, 3], 500, 4_000)],
  }),
  'partition-one-way': named('primaries that hear each other in one direction only', {
    strikes: [at('cutOneWay', [0, 1], 300, 3_000), at('cutOneWay', [2, 0], 1_000, 3_000)],
  }),
  flapping: named('links and connections of all primaries go up and down', {
    strikes: [0, 1, 2].flatMap((place) => [
      at('flap', [place], 300 + 40 * place, 2_000),
      at('flap', [place, 3], 2_500, 2_500),
    ]),
  }),
  'slow-link': named('messages come late, twice and out of order', {
    plan: { links: { drop: 0, duplicate: 0.2, reorder: 0.3, delay: 0.5, tailMs: 300 } },
  }),
  'sibling-explosion': named('two clients write in turn, each with the context of its own last put', {
    plan: { maxSiblings: 2, maxRequests: 100 },
    workload: { clients: 2, keys: 1, thinkMs: 20, overlap: 0 },
    mix: { ownPut: 1 },
  }),
  'replica-amnesia': named('the first primary forgets what it had, and takes writes without a context', {
    workload: { clients: 2, keys: 1, thinkMs: 50 },
    mix: { get: 0.2, blindPut: 1, ownPut: 0.3, update: 0.2 },
    plan: { loadMs: 5_000 },
    strikes: [1_000, 2_000, 3_000].map((atMs) => at('lostTail', [0], atMs, 10)),
  }),
  'wiped-node': named(
    'the first primary comes back with an empty disk, and is filled by the others while clients write',
    {
      workload: { keys: 8, hotShare: 0, thinkMs: 60 },
      mix: { get: 0.5, blindPut: 0.3, update: 0.5, delete: 0.05 },
      plan: { antiEntropyMs: 0 },
      strikes: [at('wipe', [0], 1_500, 300)],
    },
  ),
  'amnesia-in-handoff': named('the first primary forgets what it had while hints are handed over to it', {
    workload: { clients: 2, keys: 1, thinkMs: 50 },
    mix: { get: 0.2, blindPut: 1, ownPut: 0.3, update: 0.2 },
    strikes: [
      at('crash', [0], 500, 1_000),
      at('lostTail', [0], 1_600, 10),
      at('crash', [0], 2_500, 500),
      at('lostTail', [0], 3_050, 10),
    ],
  }),
  'corrupt-value': named('records rot on the disk of the first primary', {
    workload: { keys: 8, hotShare: 0, thinkMs: 80 },
    mix: { get: 1, blindPut: 0.1, update: 0.3, delete: 0.05 },
    strikes: [400, 1_200, 2_000, 2_800].flatMap((atMs) => [
      at('powerLoss', [0], atMs, 10),
      ...[100, 200, 300, 400].map((afterMs) => at('corrupt', [0], atMs + afterMs)),
    ]),
  }),
  'delete-races-put': named('puts and deletes of one key at the same time', {
    workload: { keys: 1, thinkMs: 30 },
    mix: { get: 0.3, blindPut: 0.3, update: 0.3, stalePut: 0.2, delete: 0.5, blindDelete: 0.1 },
  }),
  'tombstone-return': named(
    'keys are deleted and written again while a primary is dead; tombstones are collected when it is back',
    {
      plan: { collectMs: 300, courtesyMs: 0, loadMs: 8_000, maxRequests: 300 },
      workload: { keys: 2, thinkMs: 60 },
      mix: { get: 0.3, blindPut: 0.2, update: 0.3, delete: 0.6, blindDelete: 0.1 },
      strikes: [at('crash', [1], 500, 1_500), at('cut', [2], 3_000, 1_500), at('crash', [0], 5_500, 1_000)],
    },
  ),
  'late-frames': named('messages come seconds late and twice, long after what was deleted is collected', {
    plan: {
      collectMs: 200,
      courtesyMs: 0,
      loadMs: 12_000,
      maxRequests: 300,
      links: { drop: 0, duplicate: 0.3, reorder: 0.1, delay: 0.1, tailMs: 3_000 },
    },
    workload: { keys: 2, thinkMs: 100, timeoutsMs: [2_000, 400] },
    mix: { get: 0.5, blindPut: 0.4, update: 0.3, delete: 0.6, blindDelete: 0.1 },
    strikes: [
      at('cut', [2], 500, 700),
      at('crash', [1], 3_000, 500),
      at('cut', [0, 1], 5_000, 700),
      at('pause', [2], 7_500, 700),
    ],
  }),
  'disk-full': named('the disk of the first primary is full for a while', {
    strikes: [at('fullDisk', [0], 500, 4_000)],
  }),
  'disk-full-restart': named('a node starts again while its disk is full', {
    strikes: [at('fullDisk', [0], 500, 4_000), at('crash', [0], 1_500, 300)],
  }),
  'clock-jump': named('wall clocks jump by up to an hour, where the last writer wins', {
    workload: { bucket: 'lww' },
    strikes: [300, 900, 1_500, 2_100].map((atMs, index) => at('clockJump', [index % 3], atMs)),
  }),
  'hint-flood': named('a primary is dead under heavy writes, and what may be held for it is soon used up', {
    plan: { maxHintBytesPerTarget: 400, maxRequests: 300 },
    workload: { keys: 8, thinkMs: 20 },
    mix: { get: 0.1, blindPut: 0.5, update: 1 },
    strikes: [at('crash', [1], 100, 6_000)],
  }),
};

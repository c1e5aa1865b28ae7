import type { SeededRandom, VirtualClock } from '../src/index.ts';
import type { SimCluster } from './cluster.ts';
import type { EventLog } from './event-log.ts';
import { movesLeft } from './moves-left.ts';
import type { SimPlan } from './plan-shape.ts';
import type { ClientRequest, SimClient } from './sim-client.ts';
import type { SimNetwork } from './sim-network.ts';
import type { NodeLife } from './sim-node.ts';
import type { BrokenInvariant } from './violations.ts';
import { keyNames } from './workload.ts';

export interface SettleWorld {
  readonly plan: SimPlan;
  readonly clock: VirtualClock;
  readonly network: SimNetwork;
  readonly log: EventLog;
  readonly cluster: SimCluster;
  readonly random: SeededRandom;
}

const REUNION_MS = 60_000;
/** Until an empty disk holds what the other owners have. */
const REFILL_MS = 60_000;
/** Until all slots have changed hands, and the nodes that give them have forgotten what was theirs. */
const MOVES_MS = 180_000;
/** Until rot that nobody reads is found, and mended. */
const SCRUB_MS = 30_000;
const HINTS_MS = 180_000;
/** Until every pair of replicas was compared at least once, and what differed was exchanged. */
const EXCHANGES_MS = 60_000;
/** Until all that was deleted is collected. */
const COLLECTIONS_MS = 60_000;
const REPAIR_MS = 4_000;
const QUIET_MS = 6_000;
const LOOK_MS = 100;
const DEADLINE_MS = 2_000;

/** What came of the time after the faults. */
export interface Aftermath {
  /** Where the nodes stand that did not find together; undefined: all did. */
  readonly apart?: string | undefined;
  /** Nodes whose lost disk was not made up for. */
  readonly unfilled: readonly string[];
  /** Records that nobody reads, that can be read where others hold them, and not where they rot. */
  readonly rotten: readonly string[];
  /** Who owes whom hints that were not delivered. */
  readonly hintsLeft: readonly string[];
  /** Slots that did not change hands, records that are not where they belong. */
  readonly movesLeft: readonly string[];
  /** Keys that could not be read, or written. */
  readonly unread: readonly string[];
  readonly unwritten: readonly string[];
  /** Whether something that was deleted was not collected although all members were up. */
  readonly uncollected?: boolean;
  /** What the nodes had done when all was over, and some time after that. */
  readonly activity: readonly [before: string, after: string];
  /** How a put with a damaged context was answered. */
  readonly damaged?: string | undefined;
}

/** S4: a context that is damaged is a clear error, never taken for an empty one. */
export function checkRefusal({ damaged }: Aftermath): BrokenInvariant[] {
  if (damaged === undefined || damaged === 'INVALID_CONTEXT') return [];
  return [{ invariant: 'S4', what: `a put with a damaged context was answered with ${damaged}` }];
}

/** L1: a healed cluster serves, delivers what it owes, and then goes quiet. */
export function checkLiveness({
  apart,
  unfilled,
  uncollected,
  rotten,
  hintsLeft,
  movesLeft: left,
  unread,
  unwritten,
  activity,
}: Aftermath): BrokenInvariant[] {
  const blame = (what: string, key?: string): BrokenInvariant => ({ invariant: 'L1', key, what });
  if (apart !== undefined) return [blame(`the nodes did not find together within ${REUNION_MS} ms: ${apart}`)];
  const [before, after] = activity;
  return [
    ...unfilled.map((what) => blame(`a lost disk was not made up for within ${REFILL_MS} ms: ${what}`)),
    ...rotten.map((what) => blame(`rot was not mended within ${SCRUB_MS} ms: ${what}`)),
    ...(hintsLeft.length > 0 ? [blame(`hints were not delivered within ${HINTS_MS} ms: ${hintsLeft.join(', ')}`)] : []),
    ...(left.length > 0 ? [blame(`moves were not done within ${MOVES_MS} ms: ${left.slice(0, 6).join(', ')}`)] : []),
    ...(uncollected === true ? [blame(`what was deleted was not collected within ${COLLECTIONS_MS} ms`)] : []),
    ...unread.map((key) => blame(`${key} could not be read in a whole cluster`, key)),
    ...unwritten.map((key) => blame(`${key} could not be written in a whole cluster`, key)),
    ...(before === after ? [] : [blame(`a cluster without requests is not quiet: ${before} became ${after}`)]),
  ];
}

/**
 * After the faults: the cluster comes together, lost disks are made up for, hints are delivered, replicas are made equal, every key is read once by `client`, repairs end, and nothing goes on after that;
 * `look.beforeReading` and `look.beforeWriting` see the replicas as hints and exchanges left them, and before every key is written once more.
 */
export async function settle(
  world: SettleWorld,
  client: SimClient,
  look: {
    rotIsLeft(): readonly string[];
    areEqual(): boolean;
    isCollected(): boolean;
    beforeReading(): void;
    beforeWriting(): void;
  },
): Promise<Aftermath> {
  const { cluster, clock, log } = world;
  if (!(await until(world, REUNION_MS, () => isWhole(cluster)))) {
    const nothing = { unfilled: [], rotten: [], hintsLeft: [], movesLeft: [], unread: [], unwritten: [] };
    return { ...nothing, apart: standing(cluster), activity: ['', ''] };
  }
  await until(world, MOVES_MS, () => movesLeft(cluster).length === 0);
  const left = movesLeft(cluster);
  // What was under way during the faults counts towards the bounds of admission until its deadline.
  await clock.advanceAsync(DEADLINE_MS);
  await until(world, REFILL_MS, () => unfilled(cluster).length === 0);
  const unfilledLeft = unfilled(cluster);
  if (world.plan.scrubMs > 0) await until(world, SCRUB_MS, () => look.rotIsLeft().length === 0);
  const rotten = world.plan.scrubMs > 0 ? look.rotIsLeft() : [];
  await until(world, HINTS_MS, () => owed(cluster).length === 0);
  const hintsLeft = owed(cluster);
  if (world.plan.antiEntropyMs > 0) await until(world, EXCHANGES_MS, look.areEqual);
  if (hintsLeft.length === 0) look.beforeReading();
  log.add('check', 'every key is read once');
  const unread = await eachKey(world, (key) => client.request(askFor(world, 'get', key)));
  await clock.advanceAsync(REPAIR_MS);
  const collects = world.plan.collectMs > 0 && world.plan.workload.bucket !== 'ttl';
  const uncollected = collects && !(await until(world, COLLECTIONS_MS, look.isCollected));
  // What expires is collected whenever that is.
  const stays = world.plan.collectMs === 0 || world.plan.workload.bucket !== 'ttl';
  const before = activityOfAll(cluster, stays);
  await clock.advanceAsync(QUIET_MS);
  const after = activityOfAll(cluster, stays);
  look.beforeWriting();
  const unwritten = await eachKey(world, async (key) => {
    const read = await client.request(askFor(world, 'get', key));
    return client.request({ ...askFor(world, 'put', key), context: read?.context });
  });
  const damaged = await putWithDamagedContext(world, client);
  return {
    unfilled: unfilledLeft,
    rotten,
    hintsLeft,
    movesLeft: left,
    unread,
    unwritten,
    uncollected,
    activity: [before, after],
    damaged,
  };
}

async function putWithDamagedContext(world: SettleWorld, client: SimClient): Promise<string | undefined> {
  const [key] = keyNames(world.plan);
  const read = await awaited(world, client.request(askFor(world, 'get', key!)), 2 * DEADLINE_MS);
  if (read?.context === undefined) return undefined;
  const context = Uint8Array.from(read.context);
  context[context.length >> 1]! ^= 1 << world.random.below(8);
  return await awaited(world, client.codeOfPut(key!, context), 2 * DEADLINE_MS);
}

function askFor({ plan }: SettleWorld, kind: 'get' | 'put', key: string): ClientRequest {
  return { kind, key, timeoutMs: DEADLINE_MS, quorum: {}, fullyDurable: plan.durability === 'fsync' };
}

/** The keys for which it did not come to an answer in time. */
async function eachKey(world: SettleWorld, ask: (key: string) => Promise<unknown>): Promise<string[]> {
  const failed: string[] = [];
  for (const key of keyNames(world.plan)) {
    if ((await awaited(world, ask(key), 2 * DEADLINE_MS + LOOK_MS)) === undefined) failed.push(key);
  }
  return failed;
}

/** Lets time pass until it is true; false when it was not within `ms`. */
export async function until(
  { clock }: Pick<SettleWorld, 'clock'>,
  ms: number,
  isTrue: () => boolean,
): Promise<boolean> {
  for (let passedMs = 0; passedMs <= ms; passedMs += LOOK_MS) {
    if (isTrue()) return true;
    await clock.advanceAsync(LOOK_MS);
  }
  return isTrue();
}

/** What the work comes to within `ms`, or undefined. */
export async function awaited<T>(
  world: Pick<SettleWorld, 'clock'>,
  work: Promise<T>,
  ms: number,
): Promise<T | undefined> {
  let result: T | undefined;
  let ended = false;
  const watched = work.then((value) => {
    result = value;
    ended = true;
  });
  await until(world, ms, () => ended);
  if (ended) await watched;
  return result;
}

function isWhole(cluster: SimCluster): boolean {
  const all = cluster.members;
  return all.every(({ life }) => {
    if (life === undefined || life.membership.state !== 'member') return false;
    return all.every(({ id }) => id === life.membership.self || life.membership.isUp(id));
  });
}

function standing(cluster: SimCluster): string {
  return cluster.members
    .map(({ id, life }) => {
      if (life === undefined) return `${id} has not started`;
      const { membership } = life;
      const down = cluster.nodes.filter((node) => node.id !== id && !membership.isUp(node.id)).map((node) => node.id);
      return `${id} is ${membership.state} ${membership.reason ?? ''} and takes [${down.join(' ')}] for down`;
    })
    .join('; ');
}

function unfilled(cluster: SimCluster): string[] {
  return cluster.nodes.flatMap(({ id, life }) => {
    const left = life?.antiEntropy.stats().unfilled ?? 0;
    return left === 0 ? [] : [`${id} lacks ${left} partitions`];
  });
}

function owed(cluster: SimCluster): string[] {
  return cluster.members.flatMap(({ id, life }) =>
    (life?.store.hintStats() ?? [])
      .filter(({ count }) => count > 0)
      .map(({ target, count }) => `${id} owes ${target} ${count}`),
  );
}

/** What must stand still when nobody asks for anything. */
function activityOfAll(cluster: SimCluster, recordsStay: boolean): string {
  return cluster.members
    .flatMap(({ id, life }) => (life === undefined ? [] : [`${id}: ${activityOf(life, recordsStay)}`]))
    .join('; ');
}

function activityOf({ coordinator, store, bus, antiEntropy }: NodeLife, recordsStay: boolean): string {
  const { inFlight, readRepairs, hintsDelivered, hintsWritten, ...rest } = coordinator.stats();
  const { stories = 0 } = rest as { stories?: number };
  const records = recordsStay ? store.stats().records : 'some';
  const idle = `${inFlight} in flight, ${stories} stories, ${bus.stats().running} running`;
  const { keysSent, keysReceived } = antiEntropy.stats();
  const moved = `${keysSent}/${keysReceived} keys exchanged`;
  return `${idle}, ${records} records, ${readRepairs} repairs, ${hintsWritten}/${hintsDelivered} hints, ${moved}`;
}

import type { SeededRandom, VirtualClock } from '../src/index.ts';
import type { SimCluster } from './cluster.ts';
import type { EventLog } from './event-log.ts';
import type { SimPlan } from './plan.ts';
import type { SimClient } from './sim-client.ts';
import type { SimNetwork } from './sim-network.ts';
import type { NodeLife, SimNode } from './sim-node.ts';
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
const HINTS_MS = 180_000;
const REPAIR_MS = 6_000;
const QUIET_MS = 15_000;
const LOOK_MS = 100;
const DEADLINE_MS = 2_000;

/** The nodes that take part: all but those whose disk was exchanged, which the cluster refuses. */
function members({ nodes, wiped }: SimCluster): SimNode[] {
  return nodes.filter(({ id }) => !wiped.has(id));
}

/**
 * After the faults: the cluster comes together, hints are delivered, every key is read once by `reader`, repairs end, and nothing goes on after
 * that (L1). Answers what did not come true.
 */
export async function settle(world: SettleWorld, reader: SimClient): Promise<BrokenInvariant[]> {
  const { cluster, clock, plan, log } = world;
  const broken: BrokenInvariant[] = [];
  const blame = (what: string) => broken.push({ invariant: 'L1', what });
  if (!(await until(world, REUNION_MS, () => isWhole(cluster)))) {
    blame(`the nodes did not find together within ${REUNION_MS} ms: ${standing(cluster)}`);
    return broken;
  }
  if (!(await until(world, HINTS_MS, () => hintsLeft(cluster).length === 0))) {
    blame(`hints were not delivered within ${HINTS_MS} ms: ${hintsLeft(cluster).join(', ')}`);
  }
  log.add('check', 'every key is read once');
  for (const key of keyNames(plan)) {
    const read = reader.request({ kind: 'get', key, timeoutMs: DEADLINE_MS, quorum: {}, fullyDurable: true });
    if ((await awaited(world, read, DEADLINE_MS + LOOK_MS)) === undefined)
      blame(`${key} could not be read in a whole cluster`);
  }
  await clock.advanceAsync(REPAIR_MS);
  const before = activity(cluster);
  await clock.advanceAsync(QUIET_MS);
  const after = activity(cluster);
  if (before !== after) blame(`a cluster without requests is not quiet: ${before} became ${after}`);
  return broken;
}

/** L1: a write and a read at each of the keys succeed once all is well. */
export async function checkWritable(world: SettleWorld, writer: SimClient): Promise<BrokenInvariant[]> {
  const broken: BrokenInvariant[] = [];
  const options = { timeoutMs: DEADLINE_MS, quorum: {}, fullyDurable: world.plan.durability === 'fsync' };
  for (const key of keyNames(world.plan)) {
    const read = await awaited(world, writer.request({ kind: 'get', key, ...options }), DEADLINE_MS + LOOK_MS);
    const put = writer.request({ kind: 'put', key, ...options, context: read?.context });
    const written = await awaited(world, put, DEADLINE_MS + LOOK_MS);
    if (written === undefined)
      broken.push({ invariant: 'L1', key, what: `${key} could not be written in a whole cluster` });
  }
  return broken;
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
  const all = members(cluster);
  return all.every(({ life }) => {
    if (life === undefined || life.membership.state !== 'member') return false;
    return all.every(({ id }) => id === life.membership.self || life.membership.isUp(id));
  });
}

function standing(cluster: SimCluster): string {
  return members(cluster)
    .map(({ id, life }) => {
      if (life === undefined) return `${id} has not started`;
      const { membership } = life;
      const down = cluster.nodes.filter((node) => node.id !== id && !membership.isUp(node.id)).map((node) => node.id);
      return `${id} is ${membership.state} ${membership.reason ?? ''} and takes [${down.join(' ')}] for down`;
    })
    .join('; ');
}

function hintsLeft(cluster: SimCluster): string[] {
  return members(cluster).flatMap(({ id, life }) =>
    (life?.store.hintStats() ?? [])
      .filter(({ target, count }) => count > 0 && !cluster.wiped.has(target))
      .map(({ target, count }) => `${id} owes ${target} ${count}`),
  );
}

/** What must stand still when nobody asks for anything. */
function activity(cluster: SimCluster): string {
  return members(cluster)
    .flatMap(({ id, life }) => (life === undefined ? [] : [`${id}: ${activityOf(life)}`]))
    .join('; ');
}

function activityOf({ coordinator, store, bus }: NodeLife): string {
  const { inFlight, readRepairs, hintsDelivered, hintsWritten, ...rest } = coordinator.stats();
  const { stories = 0 } = rest as { stories?: number };
  const { records } = store.stats();
  const idle = `${inFlight} in flight, ${stories} stories, ${bus.stats().running} running`;
  return `${idle}, ${records} records, ${readRepairs} repairs, ${hintsWritten}/${hintsDelivered} hints`;
}

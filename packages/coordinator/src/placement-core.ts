import { defaultReplication } from '@ringfort/ring';

/** Where one copy of a request goes. */
export interface Placement {
  readonly node: string;
  /** The primary that the node stands in for; absent when it is itself a primary. */
  readonly standsInFor: string | undefined;
  /** Whether its answer counts towards the quorum. */
  readonly counts: boolean;
  /** Whether it owns a slot of the partition, and is asked as such. */
  readonly owns: boolean;
  /**
   * `silent`: taken for hung; nobody waits for its answer any more, but one that comes still counts. `left`: the owners have changed, and
   * the request was placed anew; its answer counts no more.
   */
  state: 'awaited' | 'silent' | 'answered' | 'failed' | 'left';
  /** A stand-in has been asked in its place, or was looked for in vain. */
  covered: boolean;
  /** It answered with an error: no stand-in takes its place, whose "not found" would hide what it may hold. */
  refused: boolean;
}

/** The choice of places for one request, and where the search for further stand-ins goes on. Mutable: one per request. */
export interface PlacementPlan {
  readonly list: readonly string[];
  readonly sloppy: boolean;
  readonly isUp: (node: string) => boolean;
  readonly places: Placement[];
  /** Primaries that are up and need not be asked while all goes well. */
  reserve: Placement[];
  /** Index into `list` of the next node that may stand in. */
  nextFallback: number;
  /** Primaries for which no stand-in was left. */
  readonly uncovered: string[];
}

export function place(node: string, standsInFor: string | undefined, counts: boolean, owns = false): Placement {
  return { node, standsInFor, counts, owns, state: 'awaited', covered: false, refused: false };
}

/** Whether the first places of a preference list hold what was acknowledged: all but one who is yet to fill a vacant slot. */
function holds(list: readonly string[], index: number, owners: readonly string[]): boolean {
  return index >= defaultReplication || owners.includes(list[index]!);
}

/** The next healthy node of the preference list that is not yet a place. */
function nextStandIn(plan: PlacementPlan): string | undefined {
  while (plan.nextFallback < plan.list.length) {
    const node = plan.list[plan.nextFallback++]!;
    if (isFree(plan, node)) return node;
  }
  return undefined;
}

/**
 * The first n healthy nodes of a preference list, stand-ins annotated (paper section 4.6). In strict mode stand-ins are asked as well,
 * so that the write reaches the primary later, but they do not count. `coordinator` is the stand-in that coordinates although it may
 * be further down the list, when no primary could be reached. "Down" is an opinion: where fewer than `required` are thought to be up, a
 * sloppy request asks the others all the same, as a last resort. Who is yet to fill a vacant slot, and so is none of the `owners`, is asked
 * as well, but counts only as that last resort.
 */
export function planPlaces(
  list: readonly string[],
  n: number,
  sloppy: boolean,
  isUp: (node: string) => boolean,
  required = 0,
  coordinator?: string,
  owners: readonly string[] = list,
): PlacementPlan {
  const count = Math.min(n, list.length);
  const plan: PlacementPlan = { list, sloppy, isUp, places: [], reserve: [], nextFallback: count, uncovered: [] };
  const first = coordinator === undefined ? 0 : 1;
  if (coordinator !== undefined) plan.places.push(place(coordinator, list[0], sloppy));
  for (let i = first; i < count; i++) {
    const node = list[i]!;
    if (isUp(node)) plan.places.push(place(node, undefined, holds(list, i, owners), owners.includes(node)));
  }
  for (let i = first; i < count; i++) {
    const primary = list[i]!;
    if (!isUp(primary)) addStandIn(plan, primary, holds(list, i, owners));
  }
  if (sloppy && countable(plan) < required) askEverybody(plan, owners);
  return plan;
}

/** How many of the places count. */
export function countable({ places }: PlacementPlan): number {
  let count = 0;
  for (const one of places) if (one.counts) count += 1;
  return count;
}

function askEverybody(plan: PlacementPlan, owners: readonly string[]): void {
  plan.places.forEach((one, at) => {
    if (!one.counts) plan.places[at] = { ...one, counts: true };
  });
  for (const primary of plan.uncovered.splice(0))
    plan.places.push(place(primary, undefined, true, owners.includes(primary)));
}

/**
 * While all N primaries are up and `self` is one of them, leaves only `wanted` others to be asked and puts the rest in reserve. As soon as
 * one is thought to be down everybody is asked.
 */
export function holdBack(plan: PlacementPlan, self: string, wanted: number): void {
  const { places } = plan;
  if (places.length !== plan.nextFallback || plan.uncovered.length > 0) return;
  if (!places.every((p) => p.standsInFor === undefined) || !places.some((p) => p.node === self)) return;
  let asked = 0;
  for (let i = 0; i < places.length; i++) {
    if (places[i]!.node === self || (places[i]!.counts && asked++ < wanted)) continue;
    plan.reserve.push(...places.splice(i--, 1));
  }
}

/** At the first sign of trouble: the primaries in reserve, and a stand-in for each place that failed or is silent. */
export function nextInLine(plan: PlacementPlan): Placement[] {
  const next = plan.reserve;
  plan.reserve = [];
  plan.places.push(...next);
  if (!plan.sloppy) return next;
  for (const place of [...plan.places]) {
    if (place.covered || place.refused || (place.state !== 'failed' && place.state !== 'silent')) continue;
    place.covered = true;
    const standIn = addStandIn(plan, place.standsInFor ?? place.node, place.counts);
    if (standIn !== undefined) next.push(standIn);
  }
  return next;
}

/**
 * Adds a stand-in for the primary and returns it; with none left, the primary is noted as uncovered.
 * @param counts whether the primary's answer would count
 */
export function addStandIn(plan: PlacementPlan, primary: string, counts = true): Placement | undefined {
  const node = nextStandIn(plan);
  if (node === undefined) {
    if (!plan.uncovered.includes(primary)) plan.uncovered.push(primary);
    return undefined;
  }
  const added = place(node, primary, plan.sloppy && counts);
  plan.places.push(added);
  return added;
}

/** How many more, whose answers count, may yet be asked: primaries in reserve, and stand-ins for those that failed. */
export function spares(plan: PlacementPlan): number {
  let reserve = 0;
  for (const p of plan.reserve) if (p.counts) reserve += 1;
  if (!plan.sloppy) return reserve;
  let wanted = 0;
  for (const p of plan.places) if (p.counts && p.state === 'failed' && !p.covered && !p.refused) wanted += 1;
  let free = 0;
  for (let i = plan.nextFallback; i < plan.list.length && free < wanted; i++)
    if (isFree(plan, plan.list[i]!)) free += 1;
  return reserve + free;
}

function isFree(plan: PlacementPlan, node: string): boolean {
  return plan.isUp(node) && !plan.places.some((p) => p.node === node);
}

/** What a node is to a key. */
export type Role = 'primary' | 'stand-in' | 'none';

/** Whether a node coordinates a request by itself, and as what; otherwise it forwards. */
export function roleOf(self: string, list: readonly string[], n: number, isUp: (node: string) => boolean): Role {
  const count = Math.min(n, list.length);
  let primaryUp = false;
  for (let i = 0; i < count; i++) {
    if (list[i] === self) return 'primary';
    if (isUp(list[i]!)) primaryUp = true;
  }
  if (primaryUp) return 'none';
  // No primary is reachable: the first n healthy nodes of the list stand in.
  for (let i = count, healthy = 0; i < list.length && healthy < count; i++) {
    if (!isUp(list[i]!)) continue;
    if (list[i] === self) return 'stand-in';
    healthy += 1;
  }
  return 'none';
}

/** Who may be asked to coordinate in this node's stead, best first: healthy primaries, then the healthy nodes that would stand in. */
export function forwardCandidates(
  self: string,
  list: readonly string[],
  n: number,
  isUp: (node: string) => boolean,
): string[] {
  const count = Math.min(n, list.length);
  const primaries = list.slice(0, count).filter((node) => node !== self && isUp(node));
  if (primaries.length > 0) return primaries;
  return list
    .slice(count)
    .filter((node) => node !== self && isUp(node))
    .slice(0, count);
}

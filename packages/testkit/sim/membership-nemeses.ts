import type { ClusterChange } from '@ringfort/membership';
import type { Fault, Mend, NemesisWorld } from './fault.ts';
import type { SimNode } from './sim-node.ts';

/** Nodes in one cluster at most, and members that stay at least: as many as a key has replicas. */
const MOST_NODES = 7;
const LEAST_STAYING = 3;
/** A plan is stale as soon as any slot was handed over: it is made and committed again. */
const TRIES = 8;
const AGAIN_MS = 150;
const ANSWER_MS = 5_000;
/** It was done before, or makes no sense any more. */
const senseless: ReadonlySet<string> = new Set([
  'UNKNOWN_NODE',
  'ALREADY_MEMBER',
  'RETIRED_ID',
  'LAST_NODE',
  'NOTHING_CHANGES',
  'NOTHING_TO_ABORT',
]);
/** What has happened to a machine must be told sooner or later. */
const FOR_GOOD = Number.POSITIVE_INFINITY;

/** What operators do to the members of a cluster, by one of them. Each commits what it has planned; what is refused is told, and left. */
export const membershipNemeses = {
  addNode: (world) => addNode(world),
  leave: (world) => leave(world),
  stay: (world) => stay(world),
  removeNode: (world) => removeNode(world),
  replaceNode: (world) => replaceNode(world),
  reweight: (world) => reweight(world),
  abortChange: (world) => abort(world),
} satisfies Record<string, Fault>;

const WEIGHTS = [0.5, 1, 2];

function addNode(world: NemesisWorld): Mend {
  const { cluster } = world;
  if (cluster.nodes.length >= MOST_NODES) return undefined;
  const node = cluster.join();
  commit(world, [{ type: 'add', node: node.id, weight: world.random.pick(WEIGHTS) }]);
  return undefined;
}

function leave(world: NemesisWorld): Mend {
  const staying = stayingMembers(world);
  if (staying.length <= LEAST_STAYING) return undefined;
  commit(world, [{ type: 'leave', node: world.random.pick(staying).id }]);
  return undefined;
}

function stay(world: NemesisWorld): Mend {
  const leaving = world.cluster.ring?.nodes.filter((node) => node.leaving === true) ?? [];
  if (leaving.length === 0) return undefined;
  commit(world, [{ type: 'stay', node: world.random.pick(leaving).id }]);
  return undefined;
}

function reweight(world: NemesisWorld): Mend {
  const { random } = world;
  const members = stayingMembers(world);
  if (members.length === 0) return undefined;
  commit(world, [{ type: 'reweight', node: random.pick(members).id, weight: random.pick(WEIGHTS) }]);
  return undefined;
}

function removeNode(world: NemesisWorld): Mend {
  const lost = lose(world);
  if (lost !== undefined) commit(world, [{ type: 'remove', node: lost.id }], FOR_GOOD);
  return undefined;
}

function replaceNode(world: NemesisWorld): Mend {
  if (world.cluster.nodes.length >= MOST_NODES) return undefined;
  const lost = lose(world);
  if (lost !== undefined) commit(world, [{ type: 'replace', node: lost.id, by: world.cluster.join().id }], FOR_GOOD);
  return undefined;
}

function abort(world: NemesisWorld): Mend {
  attempt(world, 'abort', (node) => node.life!.membership.abort());
  return undefined;
}

/** A machine is gone for good. One at a time: with a second one gone before the slots of the first are filled, more is lost than a quorum bears. */
function lose({ cluster, random, say }: NemesisWorld): SimNode | undefined {
  const running = stayingMembers({ cluster }).filter((node) => node.running);
  if (running.length <= LEAST_STAYING || !cluster.isOneMayBeLost) return undefined;
  const node = random.pick(running);
  say(node.id, 'is lost for good');
  cluster.lose(node);
  return node;
}

function stayingMembers({ cluster }: Pick<NemesisWorld, 'cluster'>): SimNode[] {
  const { ring } = cluster;
  return cluster.nodes.filter(({ id }) => {
    const known = ring?.node(id);
    return known !== undefined && known.leaving !== true && !cluster.lost.has(id);
  });
}

function commit(world: NemesisWorld, changes: readonly ClusterChange[], tries = TRIES): void {
  const what = changes.map((change) => Object.values(change).join(' ')).join(', ');
  attempt(
    world,
    what,
    async (node) => {
      const { membership } = node.life!;
      return membership.commit(await membership.plan(changes));
    },
    tries,
  );
}

/** By any member that there is, again and again while the plan is stale or a node is not heard. */
function attempt(world: NemesisWorld, what: string, act: (node: SimNode) => Promise<unknown>, tries = TRIES): void {
  world.cluster.changes += 1;
  tryToAct(world, what, act, tries);
}

function tryToAct(world: NemesisWorld, what: string, act: (node: SimNode) => Promise<unknown>, tries: number): void {
  const { cluster, random, clock, say } = world;
  let isOver = false;
  const again = (why: string) => {
    if (isOver) return;
    isOver = true;
    say('operator', `could not ${what}: ${why}`);
    if (tries > 1 && (tries === FOR_GOOD || !senseless.has(why)))
      clock.setTimeout(() => tryToAct(world, what, act, tries - 1), AGAIN_MS);
    else cluster.changes -= 1;
  };
  // Whoever was asked before may have done it, and died with its answer.
  if (tries === FOR_GOOD && cluster.isNobodyLostMember) {
    cluster.changes -= 1;
    return;
  }
  const able = cluster.nodes.filter(({ life }) => life?.membership.state === 'member');
  if (able.length === 0) {
    again('no member is there');
    return;
  }
  const node = random.pick(able);
  // Whose node dies meanwhile is told nothing.
  clock.setTimeout(() => again('no answer'), ANSWER_MS);
  act(node).then(
    () => {
      if (isOver) return;
      isOver = true;
      say('operator', `has ${node.id} ${what}`);
      cluster.changes -= 1;
    },
    (error: { code?: string }) => again(String(error.code ?? error)),
  );
}

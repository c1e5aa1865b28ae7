import type { Fault, Mend, NemesisWorld } from './fault.ts';
import type { SimNode } from './sim-node.ts';

const HOUR_MS = 3_600_000;

/** What happens to processes, machines, clocks and disks: to the node that a plan names, or to any that runs. */
export const nodeNemeses = {
  crash: toOne((world, node) => crash(world, node, 'kept')),
  powerLoss: toOne((world, node) => crash(world, node, 'power lost')),
  blackout,
  restart: toOne(restart),
  pause: toOne(pause),
  slow: toOne(slow),
  clockJump: toOne(jump),
  clockDrift: toOne(drift),
  slowDisk: toOne(slowDisk),
  fullDisk: toOne(fullDisk),
  corrupt: toOne(corrupt),
  lostTail: toOne((world, node) => crash(world, node, 'tail lost')),
  wipe: toOne(wipe),
} satisfies Record<string, Fault>;

function toOne(strike: (world: NemesisWorld, node: SimNode) => Mend): Fault {
  return (world, [chosen]) => {
    const { random, cluster } = world;
    const { running } = cluster;
    if (chosen !== undefined) return chosen.running ? strike(world, chosen) : undefined;
    return running.length === 0 ? undefined : strike(world, random.pick(running));
  };
}

function crash({ random, cluster }: NemesisWorld, node: SimNode, fate: 'kept' | 'power lost' | 'tail lost'): Mend {
  const noticed = random.chance(0.5);
  const { transport } = node;
  cluster.crash(node, noticed, fate);
  return () => {
    transport?.vanish();
    if (!node.running) cluster.start(node);
  };
}

/** The power of the whole cluster fails; the nodes come back together. */
function blackout({ cluster, say }: NemesisWorld): Mend {
  const nodes = cluster.running;
  say('all nodes', 'lose power');
  for (const node of nodes) cluster.crash(node, true, 'power lost');
  return () => {
    for (const node of nodes) if (!node.running) cluster.start(node);
  };
}

/** One node's disk at most, be it more than once: with two, the last copy of a value may be gone without any fault of the store. */
function wipe({ cluster, say }: NemesisWorld, node: SimNode): Mend {
  if ((cluster.wiped ?? cluster.rotten ?? node) !== node) return undefined;
  say(node.id, 'gets an empty disk');
  cluster.crash(node, true, 'replaced');
  return () => {
    if (!node.running) cluster.start(node);
  };
}

function restart({ cluster }: NemesisWorld, node: SimNode): Mend {
  if (node.life === undefined || node.stopping) return undefined;
  cluster.stop(node);
  return () => {
    if (node.stopping) cluster.crash(node, true, 'kept');
    if (!node.running) cluster.start(node);
  };
}

function pause({ say }: NemesisWorld, node: SimNode): Mend {
  const { clock } = node;
  say(node.id, 'is paused');
  clock?.pause();
  return () => {
    say(node.id, 'goes on');
    clock?.resume();
  };
}

function slow({ random, say }: NemesisWorld, node: SimNode): Mend {
  const { clock } = node;
  const maxMs = random.pick([5, 50, 400]);
  say(node.id, `is up to ${maxMs} ms late`);
  clock?.slow(maxMs);
  return () => {
    say(node.id, 'is in time again');
    clock?.slow(0);
  };
}

function jump({ random, say }: NemesisWorld, node: SimNode): Mend {
  const ms = random.pick([-HOUR_MS, -1_000, 1_000, HOUR_MS]);
  say(node.id, `sets its clock by ${ms} ms`);
  node.clock?.jump(ms);
  return undefined;
}

function drift({ random, say }: NemesisWorld, node: SimNode): Mend {
  const { clock } = node;
  const gain = random.pick([-0.1, -0.001, 0.001, 0.1]);
  say(node.id, `has a clock that gains ${gain} ms per ms`);
  clock?.drift(gain);
  return () => {
    say(node.id, 'has a clock that runs as it should');
    clock?.drift(0);
  };
}

function slowDisk({ random, say }: NemesisWorld, node: SimNode): Mend {
  const { disk } = node;
  const before = disk.times;
  const syncMs = random.pick([5, 50, 500]);
  say(node.id, `flushes in ${syncMs} ms`);
  disk.times = { syncMs, spreadMs: syncMs };
  return () => {
    say(node.id, 'flushes fast again');
    disk.times = before;
  };
}

function fullDisk({ say }: NemesisWorld, node: SimNode): Mend {
  const { disk } = node;
  say(node.id, 'has a full disk');
  disk.isFull = true;
  return () => {
    say(node.id, 'has space on its disk again');
    disk.isFull = false;
  };
}

function corrupt({ cluster, random, say }: NemesisWorld, node: SimNode): Mend {
  const what = random.pick(['record', 'record', 'stand-in record', 'frame'] as const);
  const isDamaged = cluster.corrupt(node, (disk) =>
    what === 'frame'
      ? disk.corruptFrame(random)
      : random.shuffle(cluster.ids).some((id) => disk.corrupt(id, what === 'stand-in record')),
  );
  if (isDamaged) say(node.id, `has a corrupt ${what} on its disk`);
  return undefined;
}

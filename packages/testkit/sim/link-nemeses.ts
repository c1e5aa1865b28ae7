import type { Fault, Mend, NemesisWorld } from './fault.ts';
import type { SimTransport } from './sim-network.ts';
import type { SimNode } from './sim-node.ts';

/** What happens to links and connections. Those whom a plan names are cut off from the others; without names, chance decides. */
export const linkNemeses = {
  cut: (world, chosen) => cut(world, twoEnds(world, chosen), true),
  cutOneWay: (world, chosen) => cut(world, twoEnds(world, chosen), false),
  split: (world, chosen) => split(world, chosen),
  disconnect: (world, chosen) => disconnect(world, transportOf(world, chosen)),
  flap: (world, chosen) => flap(world, chosen),
} satisfies Record<string, Fault>;

const endsOf = (nodes: readonly SimNode[]) => nodes.map(({ id }) => `node.${id}`);

function twoEnds({ random, cluster }: NemesisWorld, chosen: readonly SimNode[]): readonly string[] {
  return chosen.length >= 2 ? endsOf(chosen) : random.shuffle(cluster.ends);
}

function cut({ network, say }: NemesisWorld, [a, b]: readonly string[], bothWays: boolean): Mend {
  const { faults } = network;
  const [from, to] = [a!, b!];
  say(from, `${bothWays ? 'and' : 'can not reach'} ${to}${bothWays ? ' are cut off from each other' : ''}`);
  faults.cutOneWay(from, to);
  if (bothWays) faults.cutOneWay(to, from);
  return () => {
    say(from, `and ${to} are mended`);
    faults.mendOneWay(from, to);
    if (bothWays) faults.mendOneWay(to, from);
  };
}

/** With names: those nodes, and every second client, from all others. */
function sidesOf({ random, cluster }: NemesisWorld, chosen: readonly SimNode[]): readonly [string[], string[]] {
  if (chosen.length > 0) {
    const clients = cluster.clients.filter((_, index) => index % 2 === 1).map(({ id }) => `client.${id}`);
    const left = [...endsOf(chosen), ...clients];
    return [left, cluster.ends.filter((end) => !left.includes(end))];
  }
  const ends = random.shuffle(cluster.ends);
  const at = 1 + random.below(ends.length - 1);
  return [ends.slice(0, at), ends.slice(at)];
}

function split(world: NemesisWorld, chosen: readonly SimNode[]): Mend {
  const { network, say } = world;
  const [left, right] = sidesOf(world, chosen);
  const pairs = left.flatMap((a) => right.flatMap((b) => [[a, b] as const, [b, a] as const]));
  say(left.join(' '), `are split from ${right.join(' ')}`);
  for (const [a, b] of pairs) network.faults.cutOneWay(a, b);
  return () => {
    say(left.join(' '), `and ${right.join(' ')} are mended`);
    for (const [a, b] of pairs) network.faults.mendOneWay(a, b);
  };
}

function transportOf({ random, cluster }: NemesisWorld, [chosen]: readonly SimNode[]): SimTransport | undefined {
  if (chosen !== undefined) return chosen.transport;
  const transports = [...cluster.nodes, ...cluster.clients].flatMap(({ transport }) => transport ?? []);
  return transports.length === 0 ? undefined : random.pick(transports);
}

function disconnect({ say }: NemesisWorld, transport: SimTransport | undefined): Mend {
  if (transport?.status !== 'connected') return undefined;
  say(transport.self, 'is disconnected');
  transport.disconnect();
  return () => {
    say(transport.self, 'is connected again');
    transport.reconnect();
  };
}

/** One link, or one connection, that goes up and down until it is mended. */
function flap(world: NemesisWorld, chosen: readonly SimNode[]): Mend {
  const { random, clock } = world;
  const how = random.pick(['cut', 'cutOneWay', 'disconnect'] as const);
  const everyMs = random.pick([15, 80, 400]);
  const ends = twoEnds(world, chosen);
  const transport = transportOf(world, chosen);
  let isOver = false;
  let up: Mend;
  const turn = () => {
    if (isOver) return;
    if (up === undefined) up = how === 'disconnect' ? disconnect(world, transport) : cut(world, ends, how === 'cut');
    else {
      up();
      up = undefined;
    }
    clock.setTimeout(turn, -Math.log(1 - random.float()) * everyMs);
  };
  turn();
  return () => {
    isOver = true;
    up?.();
  };
}

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsServer } from '@ringfort/nats-server';
import { isReady, until } from '../harness/cluster-state.ts';
import { failuresAfter } from '../harness/judge.ts';
import type { Scenario, ScenarioContext } from '../harness/scenario.ts';

const KEYS = Array.from({ length: 300 }, (_, number) => `key-${number}`);
const RATE_PER_SECOND = 200;
/** A client tries its next server 100 to 250 ms after it lost one, then says again what it subscribes to. */
const RECONNECTED_MS = 1_500;

/** The index of the server with the most connections. */
async function busiest({ cluster }: ScenarioContext): Promise<number> {
  const counts = await Promise.all(cluster.nats!.servers.map(connectionsOf));
  return counts.indexOf(Math.max(...counts));
}

async function connectionsOf({ monitoringUrl }: NatsServer): Promise<number> {
  const answer = await fetch(`${monitoringUrl}/varz`);
  return ((await answer.json()) as { connections: number }).connections;
}

export const natsServerKilled: Scenario = {
  name: 'nats-server-killed',
  about: 'one of three NATS servers is killed under load; its nodes and clients go to another, then it returns',
  cluster: { nodes: 5, natsServers: 3 },
  async run(context) {
    const { nats } = context.cluster;
    const doors = [context.httpDoor(), await context.clientDoor()];
    const load = context.load({ doors, keys: KEYS, ratePerSecond: RATE_PER_SECOND });
    await sleep(4_000);
    const victim = await busiest(context);
    context.tell(`killing NATS server ${victim}`);
    const killedMs = performance.now();
    nats!.servers[victim]!.kill('SIGKILL');
    await sleep(6_000);
    context.tell('starting it again');
    await nats!.restart(victim);
    await sleep(3_000);
    const { samples, longestOutageMs } = await context.settle();
    const failures = samples.filter(({ outcome }) => outcome !== 'ok');
    context.note({ failures: failures.length, ...failuresAfter(failures, killedMs) });
    assert.ok(load.samples.length > RATE_PER_SECOND * 10, 'requests were sent throughout');
    context.expectBelow('longest unavailability', longestOutageMs, RECONNECTED_MS);
    const lastDueMs = Math.max(0, ...failures.map(({ intendedMs }) => intendedMs - killedMs));
    context.expectBelow('last failure after the kill', lastDueMs, RECONNECTED_MS);
    const early = failures.filter(({ endMs }) => endMs! < killedMs);
    assert.deepEqual(early, [], 'failures before the kill');
  },
};

export const natsServerKilledOwn: Scenario = {
  name: 'nats-server-killed-own',
  about: 'as before, but its two nodes know no other server: they are cut off, say so, and come back with it',
  cluster: { nodes: 5, natsServers: 3, servers: 'own' },
  async run(context) {
    const { cluster } = context;
    const cutOff = cluster.nodes.filter(({ id }) => cluster.serverOf(id) === 0);
    const others = cluster.nodes.filter((node) => !cutOff.includes(node));
    const doors = [context.httpDoor(others), await context.clientDoor([cluster.natsUrls[1]!])];
    context.load({ doors, keys: KEYS, ratePerSecond: RATE_PER_SECOND });
    await sleep(3_000);
    context.tell(`killing the NATS server of ${cutOff.map(({ id }) => id)}`);
    const killedMs = performance.now();
    cluster.nats!.servers[0]!.kill('SIGKILL');
    await cluster.nats!.servers[0]!.exited;
    await sleep(6_000);
    const alone = await aloneAnswers(context, cutOff[0]!.id);
    context.tell('starting it again');
    await cluster.nats!.restart(0);
    const back = () => Promise.all(cutOff.map(isReady));
    await until('the cut-off nodes are ready', back, (ready) => ready.every(Boolean), 15_000);
    await sleep(2_000);
    const { samples } = await context.settle();
    const failures = samples.filter(({ outcome }) => outcome !== 'ok');
    context.note({ failures: failures.length, ...failuresAfter(failures, killedMs), ...alone });
    const lastDueMs = Math.max(0, ...failures.map(({ intendedMs }) => intendedMs - killedMs));
    context.expectBelow('last failure of the others after the kill', lastDueMs, 3_000);
  },
};

/** What a node without its NATS server says to its own HTTP clients: it serves W=1, and refuses W=2 by name. */
async function aloneAnswers(context: ScenarioContext, id: string) {
  const door = context.httpDoor([context.cluster.node(id)]);
  const beginMs = performance.now();
  const told = await door.put('alone', 'two', undefined, {}, { w: 2 }).then(
    () => 'accepted',
    ({ code }: { code: string }) => code,
  );
  const tookMs = performance.now() - beginMs;
  return { aloneSaysToW2: told, aloneTookMs: tookMs };
}

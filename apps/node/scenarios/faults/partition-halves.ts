import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestNode } from '@ringfort/testkit';
import type { Door } from '../harness/doors.ts';
import { failuresAfter } from '../harness/judge.ts';
import type { Load, Sample } from '../harness/load.ts';
import type { Scenario, ScenarioContext } from '../harness/scenario.ts';

const KEYS = Array.from({ length: 200 }, (_, number) => `key-${number}`);
const RATE_PER_SECOND = 80;
const CUT_MS = 12_000;
/** By then each side has found out who is gone (docs/failure-detection.md), also the two to whom most others are silent. */
const FOUND_OUT_MS = 5_000;
const SHARED = Array.from({ length: 10 }, (_, number) => `shared-${number}`);

interface Side {
  readonly nodes: readonly TestNode[];
  readonly doors: readonly Door[];
  readonly load: Load;
}

/** The nodes of these NATS servers, and clients that know no others. */
async function side(context: ScenarioContext, name: string, servers: readonly number[]): Promise<Side> {
  const { cluster } = context;
  const nodes = cluster.nodes.filter(({ id }) => servers.includes(cluster.serverOf(id)));
  const doors = [context.httpDoor(nodes), await context.clientDoor([cluster.natsUrls[servers[0]!]!])];
  return { nodes, doors, load: context.load({ name, doors, keys: KEYS, ratePerSecond: RATE_PER_SECOND }) };
}

/** Writes to the same keys on both sides, each with what was there before the cut: neither can have seen the other. */
async function writeConcurrently(context: ScenarioContext, sides: readonly Side[], before: readonly string[]) {
  for (const [index, key] of SHARED.entries()) {
    for (const [number, { doors }] of sides.entries()) {
      const door = context.recorded(doors[index % doors.length]!);
      await door.put(key, `side-${number}`, before[index]);
    }
  }
}

interface Cut {
  readonly name: string;
  readonly about: string;
  readonly apart: (context: ScenarioContext) => void;
}

function partition({ name, about, apart }: Cut): Scenario {
  return {
    name,
    about,
    cluster: { nodes: 5, natsServers: 3, servers: 'own' },
    async run(context) {
      const first = context.recorded(context.httpDoor());
      const before = await Promise.all(SHARED.map((key) => first.put(key, 'before')));
      const sides = [await side(context, 'a', [0]), await side(context, 'b', [1, 2])];
      await sleep(3_000);
      context.tell(sides.map(({ nodes }) => nodes.map(({ id }) => id).join(' ')).join(' | '));
      const cutMs = performance.now();
      apart(context);
      await sleep(FOUND_OUT_MS);
      await writeConcurrently(context, sides, before);
      await sleep(Math.max(0, cutMs + CUT_MS - performance.now()));
      const healedMs = performance.now();
      context.routes.heal();
      context.tell('healed');
      await sleep(4_000);
      await context.settle();
      const whileCut = ({ intendedMs }: Sample) => intendedMs > cutMs + FOUND_OUT_MS && intendedMs < healedMs - 2_000;
      for (const [index, { load }] of sides.entries()) {
        const failures = load.samples.filter(({ outcome }) => outcome !== 'ok');
        const accepted = load.samples.filter((one) => whileCut(one) && one.kind === 'put' && one.outcome === 'ok');
        context.note({
          [`side${index}`]: JSON.stringify({ accepted: accepted.length, ...failuresAfter(failures, cutMs) }),
        });
        assert.ok(accepted.length > 20, `side ${index} accepted ${accepted.length} writes while it was cut off`);
        context.expectBelow(`failures of side ${index} while cut off`, failures.filter(whileCut).length, 1, '');
      }
      for (const key of SHARED) {
        const { values } = await first.get(key, {}, { r: 'all' });
        assert.deepEqual(values.sort(), ['side-0', 'side-1'], `concurrent writes of ${key} are siblings`);
      }
    },
  };
}

export const partitionHalves = partition({
  name: 'partition-halves',
  about: 'routes are cut so that two nodes face three; clients write to both sides; healed, all replicas agree',
  apart: ({ routes }) => {
    for (const link of routes.around([0])) link.cut();
  },
});

export const partitionSilent = partition({
  name: 'partition-silent',
  about: 'as before, but nobody is told: what is sent across waits, and arrives late when the routes heal',
  apart: ({ routes }) => {
    for (const link of routes.around([0])) link.set({ silent: true });
  },
});

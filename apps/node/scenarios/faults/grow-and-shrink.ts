import assert from 'node:assert/strict';
import type { TestNode } from '@ringfort/testkit';
import { clusterStatus, until } from '../harness/cluster-state.ts';
import { metricOf } from '../harness/disk.ts';
import type { Scenario, ScenarioContext } from '../harness/scenario.ts';

const BASE_KEYS = 100_000;
const VALUE_BYTES = 1_024;
const WRITERS = 64;
const KEYS = Array.from({ length: 2_000 }, (_, number) => `key-${number}`);
const RATE_PER_SECOND = 500;
const MOVED_WITHIN_MS = 600_000;
const P999_MS = 300;
/** Bytes that were moved, by those that had to be. */
const MOST_OVERHEAD = 1.1;
const BUCKET = 'base';

interface Plan {
  readonly basedOn: unknown;
  readonly changes: readonly unknown[];
  readonly moves: readonly unknown[];
  readonly partitions: number;
}

/** 3 -> 6 -> 4 nodes under load. */
export const growAndShrink: Scenario = {
  name: 'grow-and-shrink',
  about: 'three nodes with 100,000 keys become six, then four, under 500 requests/s',
  cluster: { nodes: 3 },
  timeoutMs: 2_100_000,
  async run(context) {
    const { cluster } = context;
    const stays = cluster.node('n1');
    context.tell(`writing ${BASE_KEYS} keys of ${VALUE_BYTES} bytes`);
    await eachBaseKey(async (key) => {
      const reply = await fetch(urlOf(stays, key), { method: 'PUT', body: paddedValue(key) });
      assert.ok(reply.ok, `${key}: ${reply.status}`);
    });
    const doors = [context.httpDoor([stays]), await context.clientDoor()];
    context.load({ doors, keys: KEYS, ratePerSecond: RATE_PER_SECOND });

    for (const id of ['n4', 'n5', 'n6']) await cluster.join(id);
    const grown = await change(
      context,
      stays,
      ['n4', 'n5', 'n6'].map((node) => ({ type: 'add', node })),
    );
    await checkBalance(stays, 6, grown.partitions);
    const shrunk = await change(
      context,
      stays,
      ['n2', 'n3'].map((node) => ({ type: 'leave', node })),
    );
    const members = async () => (await clusterStatus(stays)).nodes.length;
    await until('the leaving nodes are gone', members, (count) => count === 4, MOVED_WITHIN_MS);
    await checkBalance(stays, 4, grown.partitions);
    const movedBytes = await sumOf(cluster.nodes, 'ringfort_transfer_bytes_received_total');
    for (const id of ['n2', 'n3']) await cluster.part(id);
    const { samples, figures } = await context.settle();

    context.tell('reading every key');
    let missing = 0;
    await eachBaseKey(async (key) => {
      const reply = await fetch(urlOf(stays, key));
      if (!reply.ok || (await reply.text()) !== paddedValue(key)) missing += 1;
    });
    const failures = samples.filter(({ outcome }) => outcome !== 'ok');
    const records = await sumOf(cluster.nodes, 'ringfort_records');
    const leastBytes = ((grown.moves + shrunk.moves) / grown.partitions) * BASE_KEYS * VALUE_BYTES;
    context.note({
      movesGrowing: grown.moves,
      growingMs: grown.tookMs,
      movesShrinking: shrunk.moves,
      shrinkingMs: shrunk.tookMs,
      movedBytes,
      leastBytes,
      records,
      p999Ms: figures.p999Ms,
      failures: failures.length,
    });
    assert.equal(missing, 0, `${missing} of ${BASE_KEYS} keys are lost`);
    assert.equal(failures.length, 0, `${failures.length} requests failed, of which one is ${failures[0]?.code}`);
    context.expectBelow('bytes moved, by those that had to be', movedBytes / leastBytes, MOST_OVERHEAD, '');
    context.expectBelow('p99.9', figures.p999Ms, P999_MS);
  },
};

const paddedValue = (key: string) => key.padEnd(VALUE_BYTES, '.');
const urlOf = ({ url }: TestNode, key: string) => `${url}/v1/buckets/${BUCKET}/keys/${key}`;

async function eachBaseKey(act: (key: string) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < BASE_KEYS) await act(`base-${next++}`);
  };
  await Promise.all(Array.from({ length: WRITERS }, worker));
}

async function post<T>({ url }: TestNode, path: string, body: unknown): Promise<T> {
  const reply = await fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(body) });
  assert.ok(reply.ok, `${path}: ${reply.status} ${await reply.clone().text()}`);
  return (await reply.json()) as T;
}

/** Plans and commits the changes, and waits until all that they move has moved. */
async function change(context: ScenarioContext, by: TestNode, changes: readonly unknown[]) {
  const { basedOn, moves, partitions } = await post<Plan>(by, '/v1/cluster/plan', { changes });
  context.tell(`${JSON.stringify(changes)}: ${moves.length} slots are to change hands`);
  const beginMs = performance.now();
  await post(by, '/v1/cluster/commit', { basedOn, changes });
  const left = () => movesLeft(by);
  await until('all slots have changed hands', left, (count) => count === 0, MOVED_WITHIN_MS);
  return { moves: moves.length, partitions, tookMs: performance.now() - beginMs };
}

async function movesLeft({ url }: TestNode): Promise<number> {
  const { moves } = (await (await fetch(`${url}/v1/cluster/moves`)).json()) as Pick<Plan, 'moves'>;
  return moves.length;
}

/** All weights are equal: no node is more than one partition off its share. */
async function checkBalance(by: TestNode, count: number, partitions: number): Promise<void> {
  const { nodes } = await clusterStatus(by);
  assert.equal(nodes.length, count);
  const share = (3 * partitions) / count;
  for (const { id, partitions: owned } of nodes)
    assert.ok(Math.abs(owned - share) <= 1, `${id} has ${owned} slots, its share is ${share}`);
}

async function sumOf(nodes: readonly TestNode[], metric: string): Promise<number> {
  const values = await Promise.all(nodes.map((node) => metricOf(node, metric)));
  return values.reduce((sum, value) => sum + value, 0);
}

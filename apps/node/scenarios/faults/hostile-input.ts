import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { isReady, residentMb } from '../harness/cluster-state.ts';
import { httpCall, keyUrl } from '../harness/doors.ts';
import { attackBus, attackHttp, attackSockets, overhear, PER_ROUND } from '../harness/hostile-attacks.ts';
import { tally } from '../harness/judge.ts';
import type { Scenario } from '../harness/scenario.ts';

const ROUNDS = 3;
const KEYS = Array.from({ length: 100 }, (_, number) => `key-${number}`);
/** What a heap may differ by between two looks; a leak of as little as 10 KB per hostile message would be 65 MB per round. */
const MAX_GROWTH_MB = 50;
const MAX_RESIDENT_MB = 350;
const SUBJECTS = [
  /\.client\.\w+\.replies\./,
  /\.node\.n1\.replies\./,
  /\.n1\.storage$/,
  /\.n1\.coordinator$/,
  /\.n1\.membership$/,
];
const CODES = ['PROTOCOL_MISMATCH', 'INVALID_MESSAGE', 'UNKNOWN_VERB'];

export const hostileInput: Scenario = {
  name: 'hostile-input',
  about:
    'random, spoilt, oversized and foreign bytes on every subject and route: a clear error each, no crash, no growth',
  cluster: { nodes: 3 },
  timeoutMs: 120_000,
  async run(context) {
    const { cluster, random } = context;
    const { nodes } = cluster;
    const client = await context.clientDoor();
    const doors = [context.httpDoor(), client];
    const traffic = await overhear(cluster, doors);
    for (const subject of SUBJECTS)
      assert.ok(
        traffic.subjects.some((heard) => subject.test(heard)),
        String(subject),
      );
    assert.ok(traffic.frames.length > 100, `${traffic.frames.length} frames were overheard`);

    const pids = nodes.map(({ pid }) => pid);
    const load = context.load({ doors, keys: KEYS, ratePerSecond: 30 });
    const codes = new Map<string, number>();
    const surprises = new Set<string>();
    const resident = [pids.map(residentMb)];
    for (let round = 1; round <= ROUNDS; round += 1) {
      context.tell(`attack ${round} of ${ROUNDS}`);
      for (const [code, count] of await attackBus(cluster.natsUrls[0]!, traffic, random))
        codes.set(code, (codes.get(code) ?? 0) + count);
      for (const surprise of await attackHttp(nodes[0]!, random)) surprises.add(surprise);
      await attackSockets(nodes[0]!, random);
      resident.push(pids.map(residentMb));
    }
    const samples = await load.finish();
    await context.settle();

    const last = resident.at(-1)!;
    const growth = last.map((mb, index) => mb - resident.at(-2)![index]!);
    const failures = samples.filter(({ outcome }) => outcome !== 'ok');
    context.note({
      subjects: traffic.subjects.length,
      frames: ROUNDS * PER_ROUND.frames,
      httpRequests: ROUNDS * PER_ROUND.requests,
      sockets: ROUNDS * PER_ROUND.sockets,
      residentMb: resident.map((round) => round.map(Math.round).join('/')).join(' -> '),
      codes: JSON.stringify(Object.fromEntries(codes)),
    });
    assert.ok(
      nodes.every(({ running }) => running),
      'every node runs',
    );
    assert.deepEqual(await Promise.all(nodes.map(isReady)), [true, true, true]);
    assert.deepEqual([...surprises], [], 'answered otherwise than it must be');
    for (const code of CODES) assert.ok(codes.has(code), `${code} was answered`);
    const unnamed = [...codes.keys()].filter((code) => !/^[A-Z_]{3,40}$/.test(code) || code === 'INTERNAL');
    assert.deepEqual(unnamed, [], 'unnamed errors');
    assert.deepEqual(tally(failures.map(({ code, via, kind }) => `${via} ${kind} ${code}`)), {}, 'real requests');
    await assert.rejects(client.put('large', 'x'.repeat(600_000)), { code: 'VALUE_TOO_LARGE', outcome: 'failed' });
    await assert.rejects(client.put('k'.repeat(1_025), 'v'), { code: 'KEY_TOO_LONG', outcome: 'failed' });
    assert.ok(Math.max(...growth) < MAX_GROWTH_MB, `growth of the last round, in MB: ${growth}`);
    assert.ok(Math.max(...last) < MAX_RESIDENT_MB, `resident, in MB: ${last}`);
    assert.equal((await httpCall(new Agent(), 'GET', keyUrl(nodes[0]!, 'never-written'))).status, 404);
  },
};

import type { InspectReply, RepairReply } from '@ringfort/coordinator/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { failureOf } from '../src/cli/exit.ts';
import type { CommandIo } from '../src/cli/io.ts';
import { run } from '../src/cli/program.ts';
import { fakeNode } from './fakes.ts';

const node = fakeNode();
const { operator } = node.coordinator;
let url = '';
beforeAll(async () => {
  url = await node.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await node.app.close();
  node.metrics.close();
});

async function ringfort(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const io: CommandIo = {
    out: (bytes) => {
      out += Buffer.from(bytes as Uint8Array).toString();
    },
    err: (line) => {
      err += `${line}\n`;
    },
    outTaken: async (bytes) => io.out(bytes),
    stdinIsTty: true,
    readStdin: async () => Buffer.alloc(0),
    question: async () => '',
    stdin: async function* () {},
    env: { RINGFORT_URL: url },
  };
  try {
    return { code: await run(args, io), out, err };
  } catch (error) {
    const { line, exitCode } = failureOf(error);
    return { code: exitCode, out, err: err + line };
  }
}

const place = { bucket: 'carts', key: 'a/b', partition: 17, owners: ['n1', 'n2', 'n3'] };
const clock = { vector: ['r1-0:2'], entries: 1, detached: 0 };
const record = {
  digest: '00000000000000aa',
  bytes: 90,
  actor: 'r1-0',
  siblings: [
    { dot: 'r1-0:1', tombstone: true, contentType: '' },
    {
      dot: 'r1-0:2',
      tombstone: false,
      contentType: 'text/plain',
      bytes: 4,
      digest: '00000000000000bb',
      expiresAtMs: 0,
    },
  ],
  clock,
};
const inspected: InspectReply = {
  ...place,
  preferenceList: ['n1', 'n2', 'n3', 'n4'],
  agreement: 'differ',
  nodes: [
    { node: 'n1', owner: true, up: true, storeId: 's1', barrier: 0, label: 0, filled: true, record },
    {
      node: 'n2',
      owner: true,
      up: true,
      storeId: 's2',
      barrier: 0,
      label: 0,
      filled: true,
      recordError: 'CORRUPT_RECORD',
    },
    { node: 'n3', owner: true, up: false, error: 'NO_RESPONDERS' },
    {
      node: 'n4',
      owner: false,
      up: true,
      storeId: 's4',
      barrier: 0,
      label: 0,
      filled: true,
      hint: { ...record, owedTo: ['n3'] },
    },
  ],
};

it('inspect tells a person what every node holds, and a script the same as JSON', async () => {
  operator.inspected = inspected;
  const siblings =
    '    r1-0:1  tombstone\n    r1-0:2  4 bytes of text/plain, hash 00000000000000bb, expires 1970-01-01T00:00:00.000Z\n';
  expect(await ringfort('inspect', 'carts/a/b', '--timeout-ms', '700')).toEqual({
    code: 1,
    err: '',
    out: `carts/a/b: partition 17, its owners DIFFER
owners n1 n2 n3; preference list n1 n2 n3 n4
n1 (owner, up): digest 00000000000000aa, 90 bytes, clock of 1 actors, coordinates under r1-0
${siblings}n2 (owner, up): cannot read its record: CORRUPT_RECORD
n3 (owner, taken for down): did not answer: NO_RESPONDERS
n4 keeps for n3: digest 00000000000000aa, 90 bytes, clock of 1 actors, coordinates under r1-0
${siblings}`,
  });
  expect(operator.calls.at(-1)).toEqual({
    verb: 'inspect',
    request: { bucket: 'carts', key: 'a/b' },
    options: { timeoutMs: 700 },
  });
  expect(JSON.parse((await ringfort('inspect', 'carts', 'a/b', '--json')).out)).toEqual(inspected);
  operator.inspected = { ...inspected, agreement: 'equal' };
  expect((await ringfort('inspect', 'carts', 'a/b')).code).toBe(0);
});

it('repair tells what was done, and fails when it could not do all', async () => {
  const repaired: RepairReply = {
    ...place,
    complete: false,
    digest: '00000000000000cc',
    nodes: [
      { node: 'n1', owner: true, found: '00000000000000aa', outcome: 'written' },
      { node: 'n2', owner: true, found: '00000000000000cc', outcome: 'equal' },
      { node: 'n3', owner: true, outcome: 'left', error: 'NO_RESPONDERS' },
      { node: 'n4', owner: false, hint: '00000000000000dd', outcome: 'merged' },
    ],
  };
  operator.repaired = repaired;
  expect(await ringfort('repair', 'carts/a/b')).toEqual({
    code: 1,
    err: '',
    out: `carts/a/b: partition 17, the merge is 00000000000000cc, which not every owner holds
  n1: holds the merge now; it held 00000000000000aa
  n2: held the merge already; it held 00000000000000cc
  n3: LEFT AS IT IS (NO_RESPONDERS); it held nothing
  n4: no owner; what it held was merged in; it held nothing, and 00000000000000dd for another node
`,
  });
  operator.repaired = { ...repaired, complete: true };
  expect(await ringfort('repair', 'carts/a/b', '--json')).toMatchObject({ code: 0 });
});

it('both refuse by name what they cannot understand', async () => {
  for (const place of ['carts', '/a', 'carts/'])
    expect(await ringfort('inspect', place)).toMatchObject({ code: 64, err: expect.stringContaining('BUCKET/KEY') });
  const path = `${url}/v1/buckets/carts/keys/a`;
  const codeOf = async (answer: Response) => [answer.status, ((await answer.json()) as { code: string }).code];
  expect(await codeOf(await fetch(`${path}/inspect?r=1`))).toEqual([400, 'INVALID_QUERY']);
  expect(await codeOf(await fetch(`${path}/inspect?timeoutMs=0`))).toEqual([400, 'INVALID_QUERY']);
  expect(await codeOf(await fetch(`${path}/repair`))).toEqual([405, 'METHOD_NOT_ALLOWED']);
});

it('scrub begins a look at a disk, follows it, and fails when something stays broken', async () => {
  const pass = { beganMs: 0, done: 64, partitions: 256, records: 1000, bytes: 2_097_152, corrupt: 2, healed: 1 };
  const status = { node: 'n3', state: 'scanning' as const, pass, waiting: 1, lost: 0 };
  const over = { ...pass, done: 256, endedMs: 1_500, healed: 2 };
  operator.calls.length = 0;
  operator.scrubs = [status, { ...status, state: 'resting', pass: over, waiting: 0 }];
  expect(await ringfort('scrub', '--node', 'n3')).toEqual({
    code: 0,
    err: 'n3: 25%, 1000 records, 2.0 MiB, 2 corrupt, 1 of them whole again\n',
    out: 'n3: 1.5 s, 1000 records, 2.0 MiB, 2 corrupt, 2 of them whole again\n',
  });
  expect(operator.calls.map(({ verb, request }) => `${verb} ${request}`)).toEqual([
    'scrub start n3',
    'scrub status n3',
  ]);
  operator.scrubs = [{ ...status, state: 'resting', pass: over, waiting: 0, lost: 1 }];
  expect(await ringfort('scrub', '--json')).toMatchObject({ code: 1, err: '' });
  expect(operator.calls.at(-1)?.request).toBe('n1');
  const answer = await fetch(`${url}/v1/scrub?node=a.b`);
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([400, 'INVALID_QUERY']);
});

import { Agent } from 'node:http';
import { connect } from 'node:net';
import { type SeededRandom, seededRandom, type TestCluster, type TestNode } from '@ringfort/testkit';
import { forEachOf, until } from './cluster-state.ts';
import { type Door, httpCall, problemOf } from './doors.ts';
import { errorCodeOf, hostilePayload } from './hostile-frames.ts';
import { startLoad } from './load.ts';
import { type RawMessage, RawNats } from './raw-nats.ts';

const PREFIX = 'ringfort.ringfort.';
const EVIL = 'client.evil';
const EVIL_REPLIES = `${PREFIX}${EVIL}.replies.7`;
/** Of each attack. */
export const PER_ROUND = { frames: 4_000, requests: 1_500, sockets: 1_000 } as const;

export interface Traffic {
  readonly subjects: readonly string[];
  /** Frames of requests to coordinators and storage; those of membership would speak with the authority of a member when only a number is spoilt. */
  readonly frames: readonly Buffer[];
}

/** Listens to real traffic on keys that nobody judges, and learns every subject and what frames look like. */
export async function overhear(cluster: TestCluster, doors: readonly Door[]): Promise<Traffic> {
  const subjects = new Set<string>(
    ['get', 'put', 'delete', 'keys', 'replicas', 'view'].map((verb) => `${PREFIX}kv.${verb}`),
  );
  for (const type of ['ring.changed', 'node.up', 'node.down']) subjects.add(`${PREFIX}events.${type}`);
  const frames: Buffer[] = [];
  const listener = await RawNats.connect(cluster.natsUrls[0]!, ({ subject, payload }) => {
    subjects.add(subject);
    if (/\.(coordinator|storage)$|\.kv\./.test(subject) && frames.length < 500) frames.push(payload);
  });
  listener.subscribe(`${PREFIX}>`);
  await listener.flush();
  const keys = Array.from({ length: 40 }, (_, number) => `decoy-${number}`);
  const load = startLoad({ doors, keys, ratePerSecond: 150, durationMs: 2_000, random: seededRandom(5) });
  await load.sent;
  await load.finish();
  // Whom a node gossips with is drawn each second.
  const unheard = async () => cluster.nodes.filter(({ id }) => !subjects.has(`${PREFIX}node.${id}.membership`));
  await until('gossip to every node is heard', unheard, (nodes) => nodes.length === 0, 20_000);
  listener.close();
  return { subjects: [...subjects].sort(), frames };
}

/** Every subject of every node, client and queue group, in turn. Resolves with how often each error code was answered. */
export async function attackBus(
  url: string,
  { subjects, frames }: Traffic,
  random: SeededRandom,
): Promise<Map<string, number>> {
  const codes = new Map<string, number>();
  const onAnswer = ({ payload }: RawMessage) => {
    const code = errorCodeOf(payload);
    if (code !== undefined) codes.set(code, (codes.get(code) ?? 0) + 1);
  };
  const evil = await RawNats.connect(url, onAnswer);
  evil.subscribe(`${PREFIX}${EVIL}.>`);
  for (let number = 0; number < PER_ROUND.frames; number += 1) {
    const subject = subjects[number % subjects.length]!;
    const payload = hostilePayload(random, EVIL, subject, frames);
    evil.publish(subject, payload, random.chance(0.5) ? EVIL_REPLIES : undefined);
    if (number % 50 === 0) await evil.flush();
  }
  // As large as NATS lets through.
  for (const subject of subjects.slice(0, 12))
    evil.publish(subject, Buffer.from(random.bytes(1_000_000)), EVIL_REPLIES);
  await evil.flush();
  await new Promise((resolve) => setTimeout(resolve, 500)); // for the last answers; what comes later is not counted
  evil.close();
  return codes;
}

/** A request that is wrong, and how it must be named. */
type Wrong = (
  random: SeededRandom,
) => readonly [
  code: string,
  status: number,
  method: string,
  path: string,
  headers?: Record<string, string>,
  body?: Buffer,
];

const place = (key: string): string => `/v1/buckets/scenario/keys/${key}`;
const wrongRequests: readonly Wrong[] = [
  (random) => ['KEY_TOO_LONG', 414, 'PUT', place('k'.repeat(1_025 + random.below(5_000))), {}, Buffer.from('v')],
  (random) => ['VALUE_TOO_LARGE', 413, 'PUT', place('k'), {}, Buffer.alloc(524_289 + random.below(1_000))],
  (random) => [
    'INVALID_CONTEXT',
    400,
    'PUT',
    place('k'),
    { 'ringfort-context': Buffer.from(random.bytes(1 + random.below(90))).toString('base64url') },
    Buffer.from('v'),
  ],
  () => ['INVALID_CONTEXT', 400, 'DELETE', place('k'), { 'ringfort-context': '!!' }],
  (random) => ['INVALID_QUORUM', 400, 'GET', `${place('k')}?r=${random.pick(['0', '4', '99', '-1', 'many', 'NaN'])}`],
  () => ['INVALID_QUERY', 400, 'GET', `${place('k')}?timeoutMs=0`],
  (random) => ['INVALID_QUERY', 400, 'GET', `${place('k')}?q${random.below(1_000)}=1`],
  (random) => ['MALFORMED_URL', 400, 'GET', place(`%${random.pick(['zz', 'ff', 'c3%28', ''])}`)],
  (random) => ['ROUTE_NOT_FOUND', 404, 'GET', `/v${2 + random.below(100)}/x`],
  (random) => ['METHOD_NOT_ALLOWED', 405, random.pick(['POST', 'PATCH']), place('k')],
  (random) => ['INVALID_SETTINGS', 400, 'PUT', '/v1/buckets/settings', {}, Buffer.from(random.bytes(50))],
  () => ['INVALID_BUCKET_NAME', 400, 'GET', `/v1/buckets/${'b'.repeat(129)}/keys/k`],
  () => ['HEADERS_TOO_LARGE', 431, 'GET', place('k'), { 'x-long': 'x'.repeat(20_000) }],
];

/** Resolves with what was answered otherwise than it must be. */
export async function attackHttp(node: TestNode, random: SeededRandom): Promise<string[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const surprises: string[] = [];
  const numbers = Array.from({ length: PER_ROUND.requests }, (_, number) => number);
  await forEachOf(numbers, async (number) => {
    const [code, status, method, path, headers, body] = wrongRequests[number % wrongRequests.length]!(random);
    try {
      const answer = await httpCall(agent, method, node.url + path, headers, body);
      const got = problemOf(answer.body).code;
      if (answer.status !== status || got !== code)
        surprises.push(`${method} ${path.slice(0, 60)}: ${answer.status} ${got}, not ${status} ${code}`);
    } catch (error) {
      // A body or header that is refused unread: the answer may be lost with the connection.
      const cut = status === 413 || status === 431;
      if (!cut) surprises.push(`${method} ${path.slice(0, 60)}: ${String(error)}, not ${status} ${code}`);
    }
  });
  agent.destroy();
  return surprises;
}

/** Bytes that are no HTTP, or HTTP that lies about itself. */
export async function attackSockets(node: TestNode, random: SeededRandom): Promise<void> {
  const { hostname, port, host } = new URL(node.url);
  const put = `PUT ${place('raw')} HTTP/1.1\r\nHost: ${host}\r\n`;
  const heads = [
    '',
    'GET ',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    `${put}Content-Length: 99999999999\r\n\r\n`,
    `${put}Content-Length: -1\r\n\r\n`,
    `${put}Content-Length: 100\r\n\r\n`,
    `${put}Transfer-Encoding: chunked\r\n\r\nfffffff\r\n`,
    `${put}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`,
    `GET ${place('raw')} HTTP/9.9\r\n\r\n`,
    '\u0016\u0003\u0001',
  ];
  const numbers = Array.from({ length: PER_ROUND.sockets }, (_, number) => number);
  await forEachOf(numbers, (number) => {
    const bytes = Buffer.concat([
      Buffer.from(heads[number % heads.length]!, 'latin1'),
      Buffer.from(random.bytes(random.below(600))),
    ]);
    return new Promise((resolve) => {
      const socket = connect(Number(port), hostname, () => void socket.end(bytes));
      socket.setTimeout(2_000, () => void socket.destroy());
      socket.resume();
      socket.once('error', () => undefined);
      socket.once('close', () => resolve());
    });
  });
}

import { type Duplex, duplexPair } from 'node:stream';
import { isKnownCode } from '../../../apps/node/src/http/problems.ts';
import type { SeededRandom } from '../src/index.ts';
import type { FuzzCluster } from './cluster.ts';
import { check, type Edge, type Input, type Problem, Wrong } from './edge.ts';
import { inPieces, mutated } from './mutate.ts';
import { drawContextBytes, guardedBucket, guardedKeys, OPEN_KEYS, openBucket } from './samples.ts';

/** How long a connection that does not say anything (more) is left open. */
const SILENT_MS = 25;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** Refused by Node's parser or the framework before there is a request of ours. */
const ownCodes = ['REQUEST_TIMEOUT', 'INVALID_REQUEST', 'HEADERS_TOO_LARGE'];

/** A request of every route, with any of its headers and parameters. */
function drawRequest(random: SeededRandom): Buffer {
  const isGuarded = random.chance(0.1);
  const bucket = isGuarded ? guardedBucket : openBucket;
  const key = isGuarded ? random.pick(guardedKeys) : `k${random.below(OPEN_KEYS)}`;
  const place = `/v1/buckets/${bucket}/keys/${key}`;
  const context = Buffer.from(drawContextBytes(random)).toString('base64url');
  const query = random.pick([
    '',
    '?r=1',
    '?w=2&dw=1',
    '?r=quorum&sloppy=false',
    '?timeoutMs=900',
    '?limit=5&cursor=WzEsIiJd',
  ]);
  const value = Buffer.from(random.bytes(random.below(300)));
  const settings = Buffer.from('{"n":3,"r":2,"w":2,"conflict":"siblings"}');
  const changes = Buffer.from('{"changes":[{"type":"leave","node":"n2"},{"type":"add","node":"n9","zone":"b"}]}');
  const [method, path, body] = random.pick<readonly [string, string, Buffer?]>([
    ['GET', place + query],
    ['HEAD', place + query],
    ['PUT', `/v1/buckets/${openBucket}/keys/k${random.below(OPEN_KEYS)}${query}`, value],
    ['DELETE', `/v1/buckets/${openBucket}/keys/k${random.below(OPEN_KEYS)}${query}`],
    ['GET', `/v1/buckets/${bucket}/keys${query}`],
    ['GET', `${place}/replicas`],
    ['GET', '/v1/buckets'],
    ['GET', `/v1/buckets/${bucket}`],
    // Refused as it stands: what is valid here would change the membership.
    ['PUT', `/v1/buckets/${bucket}?x=1`, settings],
    ['GET', '/v1/cluster'],
    ['POST', '/v1/cluster/plan', changes],
    ['GET', '/healthz'],
    ['GET', '/readyz'],
    [random.pick(['POST', 'PATCH', 'OPTIONS', 'TRACE', 'CONNECT', 'PROPFIND', 'QUERY', 'get']), place, value],
  ]);
  return requestBytes(random, method, path, body, context);
}

function requestBytes(
  random: SeededRandom,
  method: string,
  path: string,
  body: Buffer | undefined,
  context: string,
): Buffer {
  const headers = [
    `Ringfort-Context: ${context}`,
    'Accept: multipart/mixed;q=0.5, application/json',
    'Content-Type: text/plain; charset=utf-8',
    'Authorization: Bearer 0123456789abcdef',
    'Expect: 100-continue',
    'Expect: 200-ok',
    'Connection: close',
    'Connection: upgrade\r\nUpgrade: websocket',
    'Range: bytes=0-1',
    'If-None-Match: *',
    `X-Long: ${'x'.repeat(random.below(2_000))}`,
  ].filter(() => random.chance(0.15));
  const isChunked = body !== undefined && random.chance(0.3);
  const framed = isChunked ? chunked(random, body) : (body ?? Buffer.alloc(0));
  if (isChunked) headers.push('Transfer-Encoding: chunked');
  else if (body !== undefined) headers.push(`Content-Length: ${body.length}`);
  const version = random.chance(0.05) ? '1.0' : '1.1';
  return Buffer.concat([
    Buffer.from([`${method} ${path} HTTP/${version}`, 'Host: n1', ...headers, '', ''].join('\r\n')),
    framed,
  ]);
}

function chunked(random: SeededRandom, body: Buffer): Buffer {
  const chunks = inPieces(random, body, 4).filter(({ length }) => length > 0);
  const framed = chunks.flatMap((chunk) => [
    Buffer.from(`${chunk.length.toString(16)}\r\n`),
    chunk,
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...framed, Buffer.from('0\r\n\r\n')]);
}

/** What is sent on one connection: a request or several, spoilt, in pieces. */
export function drawHttpInput(random: SeededRandom): Input {
  const requests = Array.from({ length: random.chance(0.2) ? 1 + random.below(5) : 1 }, () => drawRequest(random));
  const whole = Buffer.concat(requests);
  const bytes = random.chance(0.9) ? mutated(random, whole, drawRequest(random)) : whole;
  const parts = inPieces(random, bytes, random.chance(0.5) ? 1 : 5);
  return { to: random.chance(0.05) ? 'a connection that breaks' : 'a connection', parts };
}

/** Why an input is kept back: it may be valid, and would do what no test could tell from harm. */
export function reasonToKeepHttp(parts: readonly Buffer[]): string | undefined {
  const text = Buffer.concat(parts).toString('latin1');
  if (/(PUT|DELETE) [^\r\n]*guarded(?!\?x=1 )/.test(text)) return 'not sent: may be valid for a guarded key';
  if (/PUT [^\s?]*\/buckets\/[^/\s?]*(?!\?x=1 )[ ?#]/.test(text)) return 'not sent: may be valid settings';
  return undefined;
}

/** Connections with bytes that are almost HTTP. Every answer is a whole one, and a failure has its name in a problem document. */
export class HttpEdge implements Edge {
  readonly name = 'http';
  readonly share = 7;
  readonly width = 24;
  readonly #cluster: FuzzCluster;
  readonly #app: ReturnType<FuzzCluster['http']>;
  #ready: Promise<unknown> | undefined;

  constructor(cluster: FuzzCluster) {
    this.#cluster = cluster;
    this.#app = cluster.http();
  }

  make(random: SeededRandom): Input {
    return drawHttpInput(random);
  }

  async feed({ to, parts }: { to: string; parts: readonly Buffer[] }): Promise<string> {
    this.#ready ??= Promise.resolve(this.#app.ready());
    await this.#ready;
    const kept = reasonToKeepHttp(parts);
    if (kept !== undefined) return kept;
    const [ours, theirs] = duplexPair();
    this.#app.server.emit('connection', theirs);
    const answered = await converse(ours, theirs, parts, to === 'a connection that breaks');
    return to === 'a connection that breaks' ? 'broken off' : judgeAnswers(answered);
  }

  async settle(): Promise<readonly Problem[]> {
    const problems = await this.#cluster.quiet();
    return [...problems, ...(await this.#cluster.changes())];
  }

  async close(): Promise<void> {
    await this.#app.close();
  }
}

/** Writes the pieces and resolves with all that was answered, once the other side is silent or has closed. */
export async function converse(
  ours: Duplex,
  theirs: Duplex | undefined,
  parts: readonly Buffer[],
  breaks: boolean,
): Promise<Buffer> {
  const got: Buffer[] = [];
  let bytes = 0;
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    const restart = () => {
      clearTimeout(timer);
      timer = setTimeout(resolve, SILENT_MS);
    };
    ours.on('data', (chunk: Buffer) => {
      got.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES) resolve();
      restart();
    });
    ours.on('error', () => resolve());
    theirs?.on('error', () => resolve());
    ours.once('end', resolve).once('close', resolve);
    theirs?.once('close', resolve);
    restart();
    for (const part of parts) if (ours.writable) ours.write(part);
    if (breaks) resolve();
  });
  clearTimeout(timer);
  theirs?.destroy();
  ours.destroy();
  return Buffer.concat(got);
}

/** Reads the answers one after the other. @throws Wrong */
export function judgeAnswers(bytes: Buffer): string {
  if (bytes.length === 0) return 'silence';
  const outcomes: string[] = [];
  let at = 0;
  while (at < bytes.length && outcomes.length < 16) {
    const headEnd = bytes.indexOf('\r\n\r\n', at);
    check(headEnd > 0, `an answer without an end of its headers: ${bytes.toString('latin1', at, at + 200)}`);
    const head = bytes.toString('latin1', at, headEnd);
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
    check(status > 0, `no status line: ${head.slice(0, 200)}`);
    const length = /^content-length: (\d+)$/im.exec(head)?.[1];
    const isBare = status === 100 || status === 204 || status === 304 || length === undefined;
    const end = isBare ? headEnd + 4 : headEnd + 4 + Number(length);
    const body = bytes.subarray(headEnd + 4, end);
    // The answer to a HEAD tells the length of a body that is not there.
    const isHead = !isBare && body.subarray(0, 9).toString('latin1') === 'HTTP/1.1 ';
    const isCut = !isBare && (body.length < Number(length) || isHead);
    outcomes.push(isCut ? `${status} without its body` : judgeAnswer(status, head, body));
    at = isCut ? headEnd + 4 : end;
  }
  return outcomes[0]!;
}

function judgeAnswer(status: number, head: string, body: Buffer): string {
  if (status < 400) return String(status);
  if (body.length === 0) throw new Wrong(`an error without a problem document: ${head}`);
  check(/^content-type: application\/problem\+json/im.test(head), `an error that is no problem document: ${head}`);
  const { code, status: told } = JSON.parse(body.toString()) as { code?: string; status?: number };
  check(told === status, `a problem with another status: ${body}`);
  check(
    code !== undefined && code !== 'INTERNAL' && (isKnownCode(code) || ownCodes.includes(code)),
    `an error without a name: ${body}`,
  );
  return `${status} ${code}`;
}

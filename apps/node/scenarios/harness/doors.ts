import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { type Bucket, connect, type Db, RingfortError, text } from '@ringfort/client';
import type { TestNode } from '@ringfort/testkit';

/** What a read found: the ids of the live values, and the context they came with. */
export interface Found {
  readonly values: string[];
  readonly context: string | undefined;
}

/** Which node took the request at last, as far as the way tells. */
export interface Trace {
  node?: string;
}

/** Quorum and deadline of one request. */
export interface Asked {
  readonly r?: number | 'all';
  readonly w?: number;
  readonly sloppy?: boolean;
  readonly timeoutMs?: number;
}

/** A way into the cluster. */
export interface Door {
  readonly name: 'http' | 'client';
  get(key: string, trace?: Trace, asked?: Asked): Promise<Found>;
  /** Resolves with the context of the reply. */
  put(key: string, value: string, context?: string, trace?: Trace, asked?: Asked): Promise<string>;
  close(): Promise<void>;
}

/** A request that ended in a failure: whether the cluster may have carried it out. */
export class RequestFailed extends Error {
  readonly code: string;
  readonly outcome: 'failed' | 'indeterminate';
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: string, outcome: 'failed' | 'indeterminate', details: Readonly<Record<string, unknown>> = {}) {
    super(`${code} (${outcome})`);
    this.code = code;
    this.outcome = outcome;
    this.details = details;
  }
}

export const bucketName = 'scenario';
const FILLER = 'x'.repeat(180);
/** Above the node's own deadline of 2 s: what is cut off here was never answered. */
const HTTP_TIMEOUT_MS = 4_000;

/** A value as it is stored: its id, and filler so that it has the size of a small document. */
export const padded = (id: string): string => `${id}|${FILLER}`;
export const idOf = (stored: string): string => stored.split('|', 1)[0]!;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** One HTTP request over the agent's connections; rejects with Node's own error. */
export function httpCall(
  agent: Agent,
  method: string,
  url: string,
  headers: Record<string, string> = {},
  body?: string | Buffer,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, agent, headers, timeout: HTTP_TIMEOUT_MS }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.once('error', reject);
      answer.once('end', () =>
        resolve({ status: answer.statusCode!, headers: answer.headers, body: Buffer.concat(chunks) }),
      );
    });
    sent.once('timeout', () => sent.destroy(Object.assign(new Error('no answer'), { code: 'NEVER_ANSWERED' })));
    sent.once('error', reject);
    sent.end(body);
  });
}

export const keyUrl = (node: Pick<TestNode, 'url'>, key: string): string =>
  `${node.url}/v1/buckets/${bucketName}/keys/${encodeURIComponent(key)}`;

/**
 * HTTP through a load balancer's eyes: nodes in turn; one that refuses connections or says that it is not ready got nothing of the request,
 * so the next one is asked, and it is left alone for a moment. Nothing else is ever repeated. `maxSockets` are per node.
 */
export function httpDoor(nodes: readonly TestNode[], maxSockets = 128): Door {
  const agent = new Agent({ keepAlive: true, maxSockets });
  const restUntil = new Map<string, number>();
  let turn = 0;

  const call = async (
    method: string,
    key: string,
    headers: Record<string, string>,
    asked: Asked,
    trace: Trace,
    body?: string,
  ) => {
    let last: unknown;
    for (let tried = 0; tried < nodes.length * 2; tried += 1) {
      const node = nodes[turn++ % nodes.length]!;
      if (tried < nodes.length && (restUntil.get(node.id) ?? 0) > performance.now()) continue;
      trace.node = node.id;
      try {
        const answer = await httpCall(agent, method, keyUrl(node, key) + queryOf(asked), headers, body);
        if (!isNotReady(answer)) return answer;
        last = failureOf(answer, method === 'PUT');
      } catch (error) {
        if (!isRefused(error))
          throw new RequestFailed((error as NodeJS.ErrnoException).code ?? 'HTTP', 'indeterminate');
        last = new RequestFailed('ECONNREFUSED', 'failed');
      }
      restUntil.set(node.id, performance.now() + 250);
    }
    throw last;
  };

  return {
    name: 'http',
    async get(key, trace = {}, asked = {}) {
      const answer = await call('GET', key, {}, asked, trace);
      const context = answer.headers['ringfort-context'] as string | undefined;
      if (answer.status === 404) return { values: [], context };
      if (answer.status === 200) return { values: [idOf(answer.body.toString())], context };
      if (answer.status !== 300) throw failureOf(answer, false);
      const { siblings } = JSON.parse(answer.body.toString()) as { siblings: { value: string }[] };
      return { values: siblings.map(({ value }) => idOf(Buffer.from(value, 'base64').toString())), context };
    },
    async put(key, value, context, trace = {}, asked = {}) {
      const headers = {
        'content-type': 'text/plain',
        ...(context === undefined ? {} : { 'ringfort-context': context }),
      };
      const answer = await call('PUT', key, headers, asked, trace, padded(value));
      if (answer.status !== 204) throw failureOf(answer, true);
      return answer.headers['ringfort-context'] as string;
    },
    close: async () => agent.destroy(),
  };
}

function queryOf(asked: Asked): string {
  const query = new URLSearchParams(
    Object.fromEntries(Object.entries(asked).map(([name, value]) => [name, String(value)])),
  ).toString();
  return query === '' ? '' : `?${query}`;
}

function isRefused(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
}

function isNotReady({ status, body }: HttpAnswer): boolean {
  return status === 503 && problemOf(body).code === 'NOT_READY';
}

function failureOf({ status, body }: HttpAnswer, isWrite: boolean): RequestFailed {
  const problem = problemOf(body);
  const told =
    problem.outcome === 'not-applied' ? 'failed' : problem.outcome === 'indeterminate' ? 'indeterminate' : undefined;
  const refused = !isWrite || status < 500 || problem.code === 'NOT_READY' || problem.code === 'NOT_SERVING';
  return new RequestFailed(problem.code ?? `HTTP ${status}`, told ?? (refused ? 'failed' : 'indeterminate'), problem);
}

/** The problem document of an answer; an empty one where the body is none. */
export function problemOf(body: Buffer): { code?: string; outcome?: string } & Record<string, unknown> {
  try {
    return JSON.parse(body.toString());
  } catch {
    return {};
  }
}

/** The TypeScript client. */
export async function clientDoor(servers: readonly string[]): Promise<Door> {
  const db: Db = await connect({ servers });
  const bucket: Bucket<string> = db.bucket(bucketName, { codec: text });
  return {
    name: 'client',
    async get(key, _trace, asked = {}) {
      const { siblings, context } = await bucket.get(key, asked).catch(rethrow);
      return { values: siblings.map(idOf), context: context && Buffer.from(context).toString('base64url') };
    },
    async put(key, value, context, _trace, asked = {}) {
      const given = context === undefined ? {} : { context: Buffer.from(context, 'base64url') };
      const reply = await bucket.put(key, padded(value), { ...asked, ...given }).catch(rethrow);
      return Buffer.from(reply.context).toString('base64url');
    },
    close: () => db.close(),
  };
}

function rethrow(error: unknown): never {
  if (!(error instanceof RingfortError)) throw error;
  throw new RequestFailed(error.code, error.outcome === 'indeterminate' ? 'indeterminate' : 'failed', error.details);
}

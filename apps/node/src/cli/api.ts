import { CommandError, exitCode } from './exit.ts';

/** The first node of a `ringfort dev`. */
export const defaultUrl = 'http://127.0.0.1:7001';

/** Where a command finds its node. */
export interface Endpoint {
  readonly url: string;
  readonly token?: string | undefined;
}

export interface ApiRequest {
  readonly method?: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Percent-encoded already. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: Uint8Array | undefined;
  /** Statuses that the caller handles itself; any other than 2xx becomes an error. */
  readonly expect?: readonly number[];
  /** The answer may take as long as it does. */
  readonly isLong?: boolean;
}

const timeoutMs = 65_000;

/**
 * Asks a node over HTTP.
 * @throws CommandError `UNREACHABLE`, `INVALID_URL`, or the code of the node's problem document
 */
export async function ask(endpoint: Endpoint, request: ApiRequest): Promise<Response> {
  const url = urlOf(endpoint.url, request);
  const headers = defined({
    ...request.headers,
    authorization: endpoint.token === undefined ? undefined : `Bearer ${endpoint.token}`,
  });
  let response: Response;
  try {
    const body = request.body === undefined ? {} : { body: new Uint8Array(request.body) };
    response = await fetch(url, {
      method: request.method ?? 'GET',
      headers,
      ...(request.isLong === true ? {} : { signal: AbortSignal.timeout(timeoutMs) }),
      ...body,
    });
  } catch (cause) {
    const inner = (cause as Error).cause;
    const why = inner instanceof Error && inner.message !== '' ? inner.message : (cause as Error).message;
    throw new CommandError(
      'UNREACHABLE',
      `cannot reach ${endpoint.url} (${why}): start a cluster with npm start, or name a node with --url`,
      { cause },
    );
  }
  if (response.ok || request.expect?.includes(response.status)) return response;
  throw await problemError(response);
}

/** The path of a bucket. */
export function bucketPath(bucket: string): string {
  return `/v1/buckets/${pathPart('bucket', bucket)}`;
}

/** The path of a bucket's keys. */
export function keysPath(bucket: string): string {
  return `${bucketPath(bucket)}/keys`;
}

/** The path of a key. */
export function keyPath(bucket: string, key: string): string {
  return `${keysPath(bucket)}/${pathPart('key', key)}`;
}

function pathPart(name: string, text: string): string {
  if (text !== '' && text !== '.' && text !== '..') return encodeURIComponent(text);
  throw new CommandError('USAGE', `${name} "${text}" cannot stand in a URL: choose another name`, {
    exitCode: exitCode.usage,
  });
}

function urlOf(base: string, { path, query = {} }: ApiRequest): URL {
  let url: URL;
  try {
    url = new URL(`${base.replace(/\/+$/, '')}${path}`);
  } catch (cause) {
    throw new CommandError('INVALID_URL', `"${base}" is no URL: give --url http://host:port`, {
      exitCode: exitCode.usage,
      cause,
    });
  }
  for (const [name, value] of Object.entries(defined(query))) url.searchParams.set(name, value);
  return url;
}

function defined(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

async function problemError(response: Response): Promise<CommandError> {
  const text = await response.text();
  try {
    const { code, detail, outcome } = JSON.parse(text) as { code: string; detail: string; outcome?: string };
    const told = outcome === undefined ? '' : ` [outcome: ${outcome}]`;
    return new CommandError(code, `${code}: ${detail}${told}`, { details: { status: response.status } });
  } catch {
    return new CommandError(
      'UNEXPECTED_ANSWER',
      `HTTP ${response.status} from ${response.url}, which is not a Ringfort node's answer: ${text.slice(0, 200)}`,
    );
  }
}

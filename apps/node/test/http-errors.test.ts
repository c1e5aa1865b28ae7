import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { coded, fakeNode } from './fakes.ts';

let node = fakeNode();
afterEach(async () => {
  await node.app.close();
  node.metrics.close();
  node = fakeNode();
});

const url = '/v1/buckets/carts/keys/ada';

describe('what a client did wrong', () => {
  it.each([
    ['413 VALUE_TOO_LARGE', 'PUT', url, 'x'.repeat(524_289), {}],
    ['414 KEY_TOO_LONG', 'GET', `/v1/buckets/b/keys/${'k'.repeat(1025)}`, undefined, {}],
    ['414 KEY_TOO_LONG', 'PUT', `/v1/buckets/b/keys/${encodeURIComponent('é'.repeat(513))}`, 'v', {}],
    ['400 INVALID_KEY', 'GET', '/v1/buckets/b/keys/', undefined, {}],
    ['400 INVALID_BUCKET_NAME', 'GET', `/v1/buckets/${'b'.repeat(129)}/keys/k`, undefined, {}],
    ['400 INVALID_BUCKET_NAME', 'GET', '/v1/buckets//keys/k', undefined, {}],
    ['400 INVALID_CONTEXT', 'PUT', url, 'v', { 'ringfort-context': '' }],
    ['400 INVALID_CONTEXT', 'PUT', url, 'v', { 'ringfort-context': 'not base64!' }],
    ['400 INVALID_CONTEXT', 'DELETE', url, undefined, { 'ringfort-context': 'AAEC/w==' }],
    ['415 INVALID_CONTENT_TYPE', 'PUT', url, 'v', { 'content-type': 'nonsense' }],
    ['415 INVALID_CONTENT_TYPE', 'PUT', url, 'v', { 'content-type': `a/${'b'.repeat(300)}` }],
    ['404 ROUTE_NOT_FOUND', 'GET', '/v1/nothing', undefined, {}],
    ['404 ROUTE_NOT_FOUND', 'GET', '/v1/buckets/b/keys/a/b/c', undefined, {}],
    ['405 METHOD_NOT_ALLOWED', 'POST', url, 'v', {}],
    ['405 METHOD_NOT_ALLOWED', 'DELETE', '/v1/buckets/b', undefined, {}],
    ['405 METHOD_NOT_ALLOWED', 'PUT', '/healthz', undefined, {}],
  ] as const)('%s for %s', async (expected, method, at, payload, headers) => {
    const request = { method, url: at, headers: { ...headers } };
    const got = await node.app.inject(payload === undefined ? request : { ...request, payload });
    const problem = got.json();
    expect(`${got.statusCode} ${problem.code}`).toBe(expected);
    expect(got.headers['content-type']).toBe('application/problem+json');
    expect(problem).toMatchObject({
      status: got.statusCode,
      type: expect.stringMatching(/^urn:ringfort:error:[a-z-]+$/),
    });
    expect(problem.title.length * problem.detail.length).toBeGreaterThan(0);
    expect(node.coordinator.calls).toEqual([]);
  });

  it('names the methods that are served', async () => {
    expect((await node.app.inject({ method: 'POST', url })).headers.allow).toBe('DELETE, GET, HEAD, PUT');
  });

  it('takes a value of exactly the limit', async () => {
    expect((await node.app.inject({ method: 'PUT', url, payload: 'x'.repeat(524_288) })).statusCode).toBe(204);
  });
});

describe('what the cluster could not do', () => {
  it.each([
    ['INVALID_CONTEXT', 400],
    ['TOO_MANY_SIBLINGS', 409],
    ['VALUE_TOO_LARGE', 413],
    ['OVERLOADED', 429],
    ['HINTS_FULL', 503],
    ['QUORUM_UNAVAILABLE', 503],
    ['NOT_SERVING', 503],
    ['DISCONNECTED', 503],
    ['DEADLINE_EXCEEDED', 504],
    ['CORRUPT_RECORD', 500],
    ['STORE_CORRUPT', 500],
  ])('%s is %i', async (code, status) => {
    node.coordinator.failure = coded(code, {
      required: 2,
      received: 1,
      outcome: 'indeterminate',
      status: 200,
      code: 'LIES',
    });
    const got = await node.app.inject({ method: 'PUT', url, payload: 'v' });
    expect(got.statusCode).toBe(status);
    expect(got.json()).toMatchObject({
      code,
      status,
      detail: `told: ${code}`,
      required: 2,
      received: 1,
      outcome: 'indeterminate',
    });
    expect(node.logged).toEqual([]);
  });

  it('says when to come back', async () => {
    node.coordinator.failure = coded('OVERLOADED', { retryAfterMs: 2300 });
    expect((await node.app.inject({ method: 'GET', url })).headers['retry-after']).toBe('3');
    node.coordinator.failure = coded('OVERLOADED');
    expect((await node.app.inject({ method: 'GET', url })).headers['retry-after']).toBe('1');
  });

  it.each([
    new TypeError('secret: /etc/passwd'),
    coded('SOMETHING_NEW', { secret: 1 }),
    Object.assign(new Error('secret'), { statusCode: 404 }),
    'secret',
  ])('hides the inside of an unexpected failure and logs it', async (failure) => {
    node.coordinator.failure = failure;
    const got = await node.app.inject({ method: 'GET', url });
    expect([got.statusCode, got.json().code]).toEqual([500, 'INTERNAL']);
    expect(got.body).not.toContain('secret');
    expect(node.logged).toHaveLength(1);
  });

  it('answers NOT_READY on every route but healthz while it starts', async () => {
    const starting = fakeNode({ unready: 'waiting for NATS' });
    for (const at of [url, '/v1/cluster', '/readyz', '/v1/buckets', '/v1/buckets/b/keys']) {
      const got = await starting.app.inject({ method: 'GET', url: at });
      expect([got.statusCode, got.json().code, got.json().reason]).toEqual([503, 'NOT_READY', 'waiting for NATS']);
      expect(got.headers['retry-after']).toBe('1');
    }
    expect((await starting.app.inject({ method: 'GET', url: '/healthz' })).statusCode).toBe(200);
    await starting.app.close();
    starting.metrics.close();
  });

  it('refuses requests beyond the limit before it reads them, and recovers', async () => {
    const small = fakeNode({ limits: { inFlight: 2 } });
    let open = (): void => undefined;
    small.coordinator.gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const held = [1, 2].map(() => small.app.inject({ method: 'GET', url }));
    await expect.poll(() => small.coordinator.calls.length).toBe(2);
    const refused = await small.app.inject({ method: 'PUT', url, payload: 'v' });
    expect([refused.statusCode, refused.json().code]).toEqual([429, 'OVERLOADED']);
    expect((await small.app.inject({ method: 'GET', url: '/healthz' })).statusCode).toBe(200);
    open();
    await Promise.all(held);
    expect((await small.app.inject({ method: 'PUT', url, payload: 'v' })).statusCode).toBe(204);
    await small.app.close();
    small.metrics.close();
  });
});

describe('what is no request at all', () => {
  async function raw(bytes: string | Buffer): Promise<string> {
    await node.app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = node.app.server.address() as { port: number };
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => void socket.end(bytes));
      const chunks: Buffer[] = [];
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.once('error', reject);
      socket.once('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
    });
  }

  it.each([
    ['noise', Buffer.from([22, 3, 1, 0, 200, 1, 0, 0]), '400 Bad Request', 'INVALID_REQUEST'],
    ['headers of 20 KiB', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_480)}\r\n\r\n`, '431 ', 'HEADERS_TOO_LARGE'],
    [
      'a key of 20 KiB',
      `GET /v1/buckets/b/keys/${'k'.repeat(20_480)} HTTP/1.1\r\nHost: a\r\n\r\n`,
      '431 ',
      'HEADERS_TOO_LARGE',
    ],
    [
      'a key with raw bytes',
      Buffer.from('GET /v1/buckets/b/keys/\xff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 'latin1'),
      '400',
      '',
    ],
    ['an unknown method', 'BREW /healthz HTTP/1.1\r\nHost: a\r\n\r\n', '400 Bad Request', 'INVALID_REQUEST'],
    [
      'two lengths',
      'PUT /v1/buckets/b/keys/k HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      '400',
      'INVALID_REQUEST',
    ],
    [
      'a method that needs a Content-Type and has none',
      'QUERY /v1/buckets/b/keys/k HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      '404',
      'ROUTE_NOT_FOUND',
    ],
    ['a request without a host', 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n', '400', 'INVALID_REQUEST'],
    [
      'an expectation that nobody knows',
      'GET /v1/buckets/b/keys/k HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nConnection: close\r\n\r\n',
      '404',
      'KEY_NOT_FOUND',
    ],
  ])('answers %s by name', async (_name, bytes, status, code) => {
    const answer = await raw(bytes);
    expect(answer).toContain(`HTTP/1.1 ${status}`);
    expect(answer).toContain(code);
    expect(answer.toLowerCase()).toContain('application/problem+json');
  });

  it('never tells a pipelined client to go on in the middle of an answer', async () => {
    const first = 'GET /v1/buckets/b/keys/k HTTP/1.1\r\nHost: a\r\n\r\n';
    const second =
      'PUT /healthz HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 1\r\n\r\nv';
    const [, ...heads] = (await raw(first + second)).split('HTTP/1.1 ');
    expect(heads.map((answer) => answer.slice(0, 3))).toEqual(['404', '405']);
    for (const answer of heads) expect(answer).toMatch(/\r\n\r\n\{.*\}$/);
  });

  it('does not take a client that breaks off for a failure of the node', async () => {
    await raw('PUT /v1/buckets/b/keys/k HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nv');
    expect(node.coordinator.calls).toEqual([]);
    expect(node.logged).toEqual([]);
  });
});

import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type FakeCoordinator, fakeNode } from './fakes.ts';

type Node = ReturnType<typeof fakeNode>;
let node: Node = fakeNode();
afterEach(async () => {
  await node.app.close();
  node.metrics.close();
  node = fakeNode();
});

const url = '/v1/buckets/carts/keys/ada';
const lastRequest = (coordinator: FakeCoordinator) => coordinator.calls.at(-1)?.request as Record<string, unknown>;

describe('put and get', () => {
  it('keeps the bytes and the content type', async () => {
    const payload = Buffer.from([0, 255, 10, 13]);
    const put = await node.app.inject({
      method: 'PUT',
      url,
      payload,
      headers: { 'content-type': 'application/x-cart; v=1' },
    });
    expect(put.statusCode).toBe(204);
    expect(put.headers['ringfort-context']).toBe(Buffer.from('c1').toString('base64url'));
    const got = await node.app.inject({ method: 'GET', url });
    expect(got.statusCode).toBe(200);
    expect(got.rawPayload).toEqual(payload);
    expect(got.headers).toMatchObject({
      'content-type': 'application/x-cart; v=1',
      'ringfort-context': Buffer.from('c1').toString('base64url'),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
  });

  it.each(['text/plain', 'application/json', 'text/html; charset=latin1'])(
    'leaves a %s body as it is',
    async (type) => {
      await node.app.inject({ method: 'PUT', url, payload: '{not json', headers: { 'content-type': type } });
      const got = await node.app.inject({ method: 'GET', url });
      expect(got.body).toBe('{not json');
      expect(got.headers['content-type']).toBe(type);
    },
  );

  it('takes a body without content type, and an empty one', async () => {
    await node.app.inject({ method: 'PUT', url, payload: Buffer.from('raw') });
    expect((await node.app.inject({ method: 'GET', url })).headers['content-type']).toBe('application/octet-stream');
    await node.app.inject({ method: 'PUT', url: '/v1/buckets/carts/keys/none' });
    const empty = await node.app.inject({ method: 'GET', url: '/v1/buckets/carts/keys/none' });
    expect([empty.statusCode, empty.rawPayload.length]).toEqual([200, 0]);
  });

  it('hands the context over as bytes', async () => {
    await node.app.inject({ method: 'PUT', url, payload: 'v', headers: { 'ringfort-context': 'AAEC_w' } });
    expect(lastRequest(node.coordinator).context).toEqual(Buffer.from([0, 1, 2, 255]));
    await node.app.inject({ method: 'DELETE', url, headers: { 'ringfort-context': 'AAEC_w' } });
    expect(lastRequest(node.coordinator).context).toEqual(Buffer.from([0, 1, 2, 255]));
  });

  it('answers 404 with the context of a tombstone, and without one where nothing is known', async () => {
    const unknown = await node.app.inject({ method: 'GET', url });
    expect(unknown.statusCode).toBe(404);
    expect(unknown.headers['ringfort-context']).toBeUndefined();
    expect(unknown.json()).toMatchObject({ code: 'KEY_NOT_FOUND', status: 404 });
    expect((await node.app.inject({ method: 'DELETE', url })).statusCode).toBe(204);
    const deleted = await node.app.inject({ method: 'GET', url });
    expect(deleted.statusCode).toBe(404);
    expect(deleted.headers['ringfort-context']).toBe(Buffer.from('tombstone').toString('base64url'));
  });

  it('answers HEAD as GET without a body', async () => {
    await node.app.inject({ method: 'PUT', url, payload: 'v' });
    const head = await node.app.inject({ method: 'HEAD', url });
    expect([head.statusCode, head.body]).toEqual([200, '']);
    expect(head.headers['ringfort-context']).toBeDefined();
  });

  it('serves a stored content type that no header can hold as raw bytes', async () => {
    node.coordinator.keysHeld.set(JSON.stringify(['carts', 'ada']), {
      siblings: [{ value: Buffer.from('v'), contentType: 'a/b\r\nSet-Cookie: x', dot: 'a:1' }],
      context: Buffer.from('c'),
    });
    const got = await node.app.inject({ method: 'GET', url });
    expect(got.headers['content-type']).toBe('application/octet-stream');
    expect(got.headers['set-cookie']).toBeUndefined();
  });
});

describe('siblings', () => {
  async function twoSiblings(): Promise<void> {
    await node.app.inject({ method: 'PUT', url, payload: 'one', headers: { 'content-type': 'text/plain' } });
    await node.app.inject({ method: 'PUT', url, payload: Buffer.from([13, 10, 45, 45]) });
  }

  it('answers 300 with JSON', async () => {
    await twoSiblings();
    const got = await node.app.inject({ method: 'GET', url });
    expect(got.statusCode).toBe(300);
    expect(got.headers.vary).toBe('Accept');
    const context = Buffer.from('c2').toString('base64url');
    expect(got.headers['ringfort-context']).toBe(context);
    expect(got.json()).toEqual({
      context,
      siblings: [
        { contentType: 'text/plain', value: Buffer.from('one').toString('base64'), dot: 'a:1' },
        {
          contentType: 'application/octet-stream',
          value: Buffer.from([13, 10, 45, 45]).toString('base64'),
          dot: 'a:2',
        },
      ],
    });
  });

  it('answers 300 with multipart/mixed where it is asked for', async () => {
    await twoSiblings();
    const got = await node.app.inject({ method: 'GET', url, headers: { accept: 'multipart/mixed, */*;q=0.1' } });
    const boundary = /^multipart\/mixed; boundary=(ringfort-[0-9a-f]{36})$/.exec(
      got.headers['content-type'] as string,
    )?.[1];
    expect(boundary).toBeDefined();
    const parts = got.rawPayload.toString('latin1').split(`--${boundary}`);
    expect(parts).toHaveLength(4);
    expect(parts[1]).toBe('\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nRingfort-Dot: a:1\r\n\r\none\r\n');
    expect(parts[2]).toContain('Ringfort-Dot: a:2\r\n\r\n\r\n--\r\n');
    expect(parts[3]).toBe('--\r\n');
  });

  it.each([
    ['application/json, multipart/mixed;q=0.5', 'application/json'],
    ['multipart/mixed;q=0', 'application/json'],
    ['multipart/*', 'multipart/mixed'],
    ['*/*', 'application/json'],
    ['multipart/mixed, application/json', 'application/json'],
    [';;,q=,,=', 'application/json'],
  ])('Accept: %s gives %s', async (accept, type) => {
    await twoSiblings();
    const got = await node.app.inject({ method: 'GET', url, headers: { accept } });
    expect(got.headers['content-type']).toContain(type);
  });
});

describe('keys and buckets in the path', () => {
  it('come through whatever they hold (but for . and .., which HTTP clients resolve as paths)', async () => {
    const text = (maxBytes: number) =>
      fc
        .string({ unit: 'binary', minLength: 1, maxLength: 40 })
        .filter((s) => Buffer.from(s).toString() === s && !/^\.\.?$/.test(s) && Buffer.byteLength(s) <= maxBytes);
    await fc.assert(
      fc.asyncProperty(text(128), text(160), async (bucket, key) => {
        const at = `/v1/buckets/${encodeURIComponent(bucket)}/keys/${encodeURIComponent(key)}`;
        const put = await node.app.inject({ method: 'PUT', url: at, payload: 'v' });
        expect(put.statusCode).toBe(204);
        expect(lastRequest(node.coordinator)).toMatchObject({ bucket, key });
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ['a%2Fb', 'a/b'],
    ['%252F', '%2F'],
    ['100%25', '100%'],
    ['a+b', 'a+b'],
    ['replicas', 'replicas'],
    ['%F0%9F%9B%92', '\u{1f6d2}'],
  ])('%s is the key %s', async (encoded, key) => {
    await node.app.inject({ method: 'PUT', url: `/v1/buckets/b/keys/${encoded}`, payload: 'v' });
    expect(lastRequest(node.coordinator)).toMatchObject({ key });
  });

  it('takes a key of the longest length, in the longest encoding', async () => {
    const put = await node.app.inject({ method: 'PUT', url: `/v1/buckets/b/keys/${'%2F'.repeat(1024)}`, payload: 'v' });
    expect(put.statusCode).toBe(204);
  });

  it.each(['%', '%zz', '%E0%A4', '%ff', 'a%2'])('refuses %s as malformed', async (encoded) => {
    const got = await node.app.inject({ method: 'GET', url: `/v1/buckets/b/keys/${encoded}` });
    expect([got.statusCode, got.json().code]).toEqual([400, 'MALFORMED_URL']);
    expect(got.headers['content-type']).toBe('application/problem+json');
  });
});

describe('query', () => {
  it('hands quorums, sloppy and the deadline over', async () => {
    await node.app.inject({ method: 'GET', url: `${url}?r=all&sloppy=false&timeoutMs=150` });
    expect(node.coordinator.calls.at(-1)).toMatchObject({
      request: { r: 'all', sloppy: false },
      options: { timeoutMs: 150 },
    });
    await node.app.inject({ method: 'PUT', url: `${url}?w=3&dw=0&sloppy=true`, payload: 'v' });
    expect(node.coordinator.calls.at(-1)).toMatchObject({
      request: { w: 3, dw: 0, sloppy: true },
      options: { timeoutMs: 2000 },
    });
    await node.app.inject({ method: 'DELETE', url: `${url}?r=1&w=quorum&dw=one` });
    expect(node.coordinator.calls.at(-1)).toMatchObject({ request: { r: 1, w: 'quorum', dw: 'one' } });
  });

  it.each(['r=0', 'r=4', 'w=-1', 'w=1.5', 'dw=4', 'r=most', 'w=', 'r=1e1', 'dw=99999999999'])(
    '%s is INVALID_QUORUM',
    async (query) => {
      for (const method of ['GET', 'PUT', 'DELETE'] as const) {
        const got = await node.app.inject({ method, url: `${url}?${query}` });
        expect([got.statusCode, got.json().code]).toEqual([400, 'INVALID_QUORUM']);
        expect(got.json().detail).toContain('to 3');
      }
      expect(node.coordinator.calls).toEqual([]);
    },
  );

  it('holds quorums against the N of the bucket', async () => {
    node.membership.made.set('carts', { n: 1, r: 1, w: 1, conflict: 'siblings' });
    expect((await node.app.inject({ method: 'GET', url: `${url}?r=2` })).json()).toMatchObject({
      code: 'INVALID_QUORUM',
      n: 1,
    });
  });

  it.each([
    'sloppy=maybe',
    'timeoutMs=0',
    'timeoutMs=60001',
    'timeoutMs=soon',
    'slopy=false',
    'r=1&r=2',
    '__proto__=1',
  ])('%s is INVALID_QUERY', async (query) => {
    const got = await node.app.inject({ method: 'GET', url: `${url}?${query}` });
    expect([got.statusCode, got.json().code]).toEqual([400, 'INVALID_QUERY']);
  });
});

describe('listing and replicas', () => {
  it('pages the keys of a bucket', async () => {
    await node.app.inject({ method: 'PUT', url, payload: 'v' });
    const listed = await node.app.inject({ method: 'GET', url: '/v1/buckets/carts/keys?limit=7&cursor=abc' });
    expect(listed.json()).toEqual({ keys: ['ada'], cursor: 'next' });
    expect(lastRequest(node.coordinator)).toEqual({ bucket: 'carts', limit: 7, cursor: 'abc' });
    await node.app.inject({ method: 'GET', url: '/v1/buckets/carts/keys' });
    expect(lastRequest(node.coordinator)).toMatchObject({ limit: 100 });
  });

  it.each(['limit=0', 'limit=1001', 'limit=x', 'cursor=', 'prefix=a'])('refuses %s', async (query) => {
    const got = await node.app.inject({ method: 'GET', url: `/v1/buckets/carts/keys?${query}` });
    expect([got.statusCode, got.json().code]).toEqual([400, 'INVALID_QUERY']);
  });

  it('tells what each replica holds', async () => {
    const got = await node.app.inject({ method: 'GET', url: `${url}/replicas` });
    expect(got.json()).toMatchObject({
      partition: 7,
      preferenceList: ['n1', 'n2', 'n3'],
      replicas: [{ node: 'n1' }, { error: 'NO_RESPONDERS' }],
    });
  });
});

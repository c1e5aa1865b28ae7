import type { MembershipRecord } from '@ringfort/ring';
import { afterEach, describe, expect, it } from 'vitest';
import { coded, fakeNode } from './fakes.ts';

let node = fakeNode();
afterEach(async () => {
  await node.app.close();
  node.metrics.close();
  node = fakeNode();
});

describe('/v1/cluster', () => {
  it('shows every member as this node sees it', async () => {
    const got = await node.app.inject({ method: 'GET', url: '/v1/cluster' });
    expect(got.json()).toEqual({
      clusterId: 'ringfort',
      self: 'n1',
      state: 'member',
      ringVersion: { digest: '0123456789abcdef', size: 3 },
      nodes: [
        {
          id: 'n1',
          status: 'up',
          http: 'http://127.0.0.1:7001',
          pid: 41,
          version: '0.1.0',
          hintsHeld: 2,
          partitions: 256,
          weight: 1,
          zone: 'default',
        },
        {
          id: 'n2',
          status: 'suspect',
          http: 'http://127.0.0.1:7001',
          pid: 42,
          version: '0.1.0',
          hintsHeld: 2,
          partitions: 256,
          weight: 1,
          zone: 'default',
          silentMs: 2500,
        },
        { id: 'n3', status: 'down', partitions: 256, weight: 1, zone: 'default' },
      ],
    });
  });
});

describe('/v1/cluster/plan', () => {
  const post = (payload: unknown) =>
    node.app.inject({ method: 'POST', url: '/v1/cluster/plan', payload: payload as object });

  it('says what changes would do', async () => {
    const got = await post({ changes: [{ type: 'add', node: 'n4', zone: 'z3' }] });
    expect(got.statusCode).toBe(200);
    const { moves, nodes, basedOn, zones } = got.json();
    expect(basedOn).toEqual({ size: 3, digest: expect.stringMatching(/^[0-9a-f]{16}$/) });
    expect(zones).toEqual({ count: 4, crowdedBefore: 0, crowdedAfter: 0 });
    expect(nodes.at(-1)).toMatchObject({ node: 'n4', fate: 'joins', slotsBefore: 0, receives: moves.length });
  });

  it('is refused by name', async () => {
    for (const body of ['', '{', '[]', '{}', '{"changes":{}}', '{"changes":[],"x":1}']) {
      expect((await post(body)).json(), body).toMatchObject({ status: 400, code: 'INVALID_BODY' });
    }
    const unknown = await post({ changes: [{ type: 'leave', node: 'x' }] });
    expect(unknown.json()).toMatchObject({ status: 404, code: 'UNKNOWN_NODE', node: 'x' });
    const known = await post({ changes: [{ type: 'add', node: 'n2' }] });
    expect(known.json()).toMatchObject({ status: 409, code: 'ALREADY_MEMBER' });
    node.membership.failure = coded('INVALID_CHANGES');
    expect((await post({ changes: [{}] })).statusCode).toBe(400);
  });
});

describe('/v1/buckets', () => {
  it('makes a bucket, lists it, and gives the defaults of one never made', async () => {
    const made = await node.app.inject({
      method: 'PUT',
      url: '/v1/buckets/carts',
      payload: { n: 5, conflict: 'lww', ttlSeconds: 60 },
    });
    expect([made.statusCode, made.json()]).toEqual([200, { n: 5, r: 3, w: 3, conflict: 'lww', ttlSeconds: 60 }]);
    expect((await node.app.inject({ method: 'GET', url: '/v1/buckets/carts' })).json()).toEqual(made.json());
    expect((await node.app.inject({ method: 'GET', url: '/v1/buckets' })).json()).toEqual({
      buckets: [{ name: 'carts', ...made.json() }],
    });
    expect((await node.app.inject({ method: 'GET', url: '/v1/buckets/other' })).json()).toEqual({
      n: 3,
      r: 2,
      w: 2,
      conflict: 'siblings',
    });
  });

  it.each([
    '',
    'null',
    '[]',
    '{',
    '{"n":0}',
    '{"n":17}',
    '{"n":"3"}',
    '{"n":2,"r":3}',
    '{"w":4}',
    '{"dw":4}',
    '{"conflict":"newest"}',
    '{"ttlSeconds":0}',
    '{"replicas":3}',
  ])('refuses %s', async (payload) => {
    const got = await node.app.inject({
      method: 'PUT',
      url: '/v1/buckets/carts',
      payload,
      headers: { 'content-type': 'application/json' },
    });
    expect([got.statusCode, got.json().code]).toEqual([400, 'INVALID_SETTINGS']);
    expect(node.membership.made.size).toBe(0);
  });

  it('says that the conflict rule is fixed', async () => {
    node.membership.failure = coded('BUCKET_CONFLICT_FIXED');
    expect((await node.app.inject({ method: 'PUT', url: '/v1/buckets/carts', payload: {} })).statusCode).toBe(409);
  });
});

describe('tokens', () => {
  const reader = 'reader-0123456789';
  const writer = 'writer-0123456789';
  const admin = 'admin-0123456789abc';
  const tokens = [
    { token: reader, rights: ['read' as const] },
    { token: writer, rights: ['read' as const, 'write' as const] },
    { token: admin, rights: ['admin' as const] },
  ];
  const key = '/v1/buckets/b/keys/k';

  it.each([
    ['GET', key, 'read'],
    ['HEAD', key, 'read'],
    ['PUT', key, 'write'],
    ['DELETE', key, 'write'],
    ['GET', `${key}/replicas`, 'read'],
    ['GET', '/v1/buckets/b/keys', 'read'],
    ['GET', '/v1/buckets', 'read'],
    ['GET', '/v1/buckets/b', 'read'],
    ['PUT', '/v1/buckets/b', 'admin'],
    ['GET', '/v1/cluster', 'read'],
    ['GET', '/readyz', 'read'],
    ['GET', '/metrics', 'read'],
  ] as const)('%s %s needs the right to %s', async (method, url, right) => {
    const guarded = fakeNode({ tokens });
    const withToken = (authorization?: string) =>
      guarded.app.inject({ method, url, headers: authorization === undefined ? {} : { authorization } });
    for (const authorization of [
      undefined,
      'Bearer unknown-0123456789',
      `Basic ${writer}`,
      'Bearer',
      `Bearer ${writer} x`,
    ]) {
      const got = await withToken(authorization);
      expect(got.statusCode).toBe(401);
      expect(got.headers['www-authenticate']).toBe('Bearer realm="ringfort"');
      if (method !== 'HEAD') expect(got.json()).toMatchObject({ code: 'UNAUTHENTICATED', right });
    }
    const lacking = await withToken(`Bearer ${right === 'admin' ? writer : right === 'write' ? reader : admin}`);
    expect(lacking.statusCode).toBe(403);
    expect(lacking.headers['www-authenticate']).toContain(`scope="${right}"`);
    if (method !== 'HEAD') expect(lacking.json()).toMatchObject({ code: 'FORBIDDEN', right });
    expect(guarded.coordinator.calls).toEqual([]);
    const allowed = await withToken(`bearer ${right === 'admin' ? admin : writer}`);
    expect([401, 403]).not.toContain(allowed.statusCode);
    await guarded.app.close();
    guarded.metrics.close();
  });

  it('leave healthz open', async () => {
    const guarded = fakeNode({ tokens });
    expect((await guarded.app.inject({ method: 'GET', url: '/healthz' })).statusCode).toBe(200);
    await guarded.app.close();
    guarded.metrics.close();
  });
});

describe('/metrics', () => {
  it('counts requests, errors by code and siblings, and reads the gauges', async () => {
    await node.app.inject({ method: 'PUT', url: '/v1/buckets/b/keys/k', payload: 'v' });
    await node.app.inject({ method: 'GET', url: '/v1/buckets/b/keys/k' });
    node.coordinator.failure = coded('QUORUM_UNAVAILABLE');
    await node.app.inject({ method: 'GET', url: '/v1/buckets/b/keys/k' });
    node.coordinator.failure = coded('NEVER_HEARD_OF');
    await node.app.inject({ method: 'GET', url: '/v1/buckets/b/keys/k' });
    const got = await node.app.inject({ method: 'GET', url: '/metrics' });
    expect(got.headers['content-type']).toContain('text/plain; version=0.0.4');
    for (const line of [
      'ringfort_requests_total{verb="get",way="http",node="n1"} 3',
      'ringfort_requests_total{verb="put",way="http",node="n1"} 1',
      'ringfort_request_errors_total{verb="get",way="http",code="QUORUM_UNAVAILABLE",node="n1"} 1',
      'ringfort_request_errors_total{verb="get",way="http",code="INTERNAL",node="n1"} 1',
      'ringfort_request_duration_seconds_count{node="n1",verb="get",way="http"} 3',
      'ringfort_siblings_count{node="n1"} 1',
      'ringfort_requests_in_flight{node="n1"} 3',
      'ringfort_hints_written_total{node="n1"} 2',
      'ringfort_requests_forwarded_total{node="n1"} 5',
    ]) {
      expect(got.body).toContain(line);
    }
    expect(got.body).toContain('ringfort_event_loop_lag_seconds{quantile="0.99",node="n1"}');
    const again = (await node.app.inject({ method: 'GET', url: '/metrics' })).body;
    expect(again).toContain('ringfort_hints_written_total{node="n1"} 2');
  });
});

describe('/v1/cluster/commit, /abort and /moves', () => {
  const post = (path: string, payload?: object) =>
    node.app.inject({ method: 'POST', url: `/v1/cluster/${path}`, ...(payload && { payload }) });

  it('commits what was planned, and takes it back', async () => {
    const plan = (await post('plan', { changes: [{ type: 'leave', node: 'n2' }] })).json();
    const done = await post('commit', plan);
    expect(done.statusCode).toBe(200);
    expect(done.json()).toEqual({ ringVersion: { size: 4, digest: plan.basedOn.digest } });
    expect(node.membership.committed).toEqual([{ basedOn: plan.basedOn, changes: plan.changes }]);
    expect((await post('abort')).json().changes).toEqual([{ type: 'stay', node: 'n2' }]);
  });

  it('says what is wrong', async () => {
    expect((await post('commit', { changes: [] })).json()).toMatchObject({ status: 400, code: 'INVALID_BODY' });
    const basedOn = { size: 3, digest: '0123456789abcdef' };
    node.membership.failure = coded('PLAN_STALE');
    expect((await post('commit', { basedOn, changes: [] })).statusCode).toBe(409);
    node.membership.failure = coded('NOTHING_TO_ABORT');
    expect((await post('abort')).statusCode).toBe(409);
  });

  it('tells what is yet to change hands, and how much has since the last change', async () => {
    const move = {
      partition: 7,
      replica: 0,
      turn: 1,
      from: 'n1',
      to: 'n3',
      vacant: false,
      recorders: ['n1'],
      recorded: [],
    };
    node.membership.moving = [move];
    const handed = { kind: 'slot.handedOver', replica: 0, from: 'n1', to: 'n3', author: 'n1' } as const;
    const records: MembershipRecord[] = [
      { ...handed, lamport: 2, partition: 5, turn: 0 },
      { kind: 'node.leaving', lamport: 3, author: 'n1', node: 'n1' },
      { ...handed, lamport: 4, partition: 6, turn: 0 },
      // Two witnesses of one succession, and one of another that is not complete.
      { ...handed, lamport: 5, partition: 8, turn: 0, witnesses: ['n1', 'n2'] },
      { ...handed, lamport: 5, partition: 8, turn: 0, witnesses: ['n1', 'n2'], author: 'n2' },
      { ...handed, lamport: 6, partition: 7, turn: 1, witnesses: ['n1', 'n2'] },
    ];
    node.membership.records = records;
    const got = await node.app.inject({ method: 'GET', url: '/v1/cluster/moves' });
    expect(got.json()).toEqual({
      self: 'n1',
      ringVersion: { size: 3, digest: '0123456789abcdef' },
      partitions: 256,
      done: 2,
      moves: [move],
    });
  });
});

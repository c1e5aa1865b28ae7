import { describe, expect, it, vi } from 'vitest';
import { ClientClosedError, DisconnectedError, IndeterminateError, QuorumUnavailableError } from '../src/index.ts';
import { connected, gate } from './support/connected.ts';
import { NodeFailure } from './support/fake-cluster.ts';

describe('when the first node of the list is dead', () => {
  it('gets and puts go to the next one, and then leave the dead one alone', async () => {
    const { cluster, db } = await connected();
    const bucket = db.bucket<number>('b');
    const [first, second] = cluster.nodesOf('b', 'k');
    first!.kill();
    await bucket.put('k', 1);
    expect((await bucket.get('k')).value).toBe(1);
    expect(second!.requests.map(({ verb }) => verb)).toEqual(expect.arrayContaining(['put', 'get']));
    expect(db.view().nodes.find(({ id }) => id === first!.id)).toMatchObject({ suspect: true });
  });

  it('so are all three primaries of the key: whoever is left takes the request, whatever `maxAttempts` is', async () => {
    const { cluster, db } = await connected({ retry: { maxAttempts: 1 } });
    const bucket = db.bucket<number>('b');
    const nodes = cluster.nodesOf('b', 'k');
    for (const dead of nodes.slice(0, 4)) dead.kill();
    await bucket.put('k', 1);
    expect(nodes[4]!.requests.map(({ verb }) => verb)).toContain('put');
    nodes[4]!.kill();
    await expect(bucket.put('k', 2)).rejects.toMatchObject({ code: 'NO_RESPONDERS', outcome: 'not-applied' });
  });

  it('it is used again once it answers a probe', async () => {
    const { cluster, db } = await connected();
    const bucket = db.bucket<number>('b');
    const [first] = cluster.nodesOf('b', 'k');
    first!.kill();
    await bucket.get('k');
    first!.serve(cluster);
    cluster.announce('node.up', 'n1', first!.id);
    await vi.waitFor(() => expect(db.view().nodes.every(({ suspect }) => !suspect)).toBe(true), { timeout: 3000 });
    const before = first!.requests.length;
    await bucket.get('k');
    expect(first!.requests.slice(before)).toMatchObject([{ verb: 'get' }]);
  });

  it('the word of other nodes is enough', async () => {
    const { cluster, db } = await connected();
    const [first, second] = cluster.nodesOf('b', 'k');
    first!.kill();
    cluster.announce('node.down', second!.id, first!.id);
    await vi.waitFor(() => expect(db.view().nodes.some(({ suspect }) => suspect)).toBe(true));
    await db.bucket('b').put('k', 1);
    expect(first!.requests.filter(({ verb }) => verb === 'put')).toEqual([]);
  });

  it('a put that may have been delivered before it died is indeterminate, and is not repeated', async () => {
    const { cluster, db } = await connected({ retry: { hedgeMs: 60_000 } });
    const bucket = db.bucket<number>('b');
    const [first] = cluster.nodesOf('b', 'k');
    const hung = gate();
    first!.behave = () => hung.opened;
    const early = bucket.put('k', 1).catch((error: unknown) => error);
    await vi.waitFor(() => expect(first!.requests.some(({ verb }) => verb === 'put')).toBe(true));
    first!.kill();
    // This one meets nobody, goes on to the next node, and tells that the first is gone.
    await bucket.put('k', 2);
    const error = await early;
    expect(error).toBeInstanceOf(IndeterminateError);
    expect(error).toMatchObject({ code: 'INDETERMINATE', outcome: 'indeterminate', details: { reason: 'PEER_LOST' } });
    expect(cluster.count('put')).toBe(2);
    hung.open();
  });

  it('with `retryIndeterminate` it is repeated under the same number', async () => {
    const { cluster, db } = await connected({ retry: { retryIndeterminate: true, hedgeMs: 60_000 } });
    const [first, second] = cluster.nodesOf('b', 'k');
    first!.behave = () => Promise.reject(new NodeFailure('INTERNAL'));
    await db.bucket('b').put('k', 1);
    const [one, other] = [first!, second!].map((node) => node.requests.find(({ verb }) => verb === 'put')!.body);
    expect(one).toMatchObject({ session: db.id, seq: 1 });
    expect(other).toMatchObject({ session: one!.session, seq: one!.seq });
  });
});

describe('when a node answers an error', () => {
  it('a get asks the next one, where another may do better', async () => {
    const { cluster, db } = await connected();
    const bucket = db.bucket<number>('b');
    await bucket.put('k', 1);
    cluster.nodesOf('b', 'k')[0]!.behave = () => Promise.reject(new NodeFailure('NOT_SERVING'));
    expect((await bucket.get('k')).value).toBe(1);
  });

  it('a put asks the next one only when it is certainly nowhere', async () => {
    const { cluster, db } = await connected();
    const bucket = db.bucket<number>('b');
    const [first, second] = cluster.nodesOf('b', 'k');
    first!.behave = () => Promise.reject(new NodeFailure('NOT_SERVING', { outcome: 'not-applied' }));
    await bucket.put('k', 1);
    expect(second!.requests.filter(({ verb }) => verb === 'put')).toHaveLength(1);
    first!.behave = () => Promise.reject(new NodeFailure('INTERNAL'));
    await expect(bucket.put('k', 2)).rejects.toThrow(IndeterminateError);
    expect(second!.requests.filter(({ verb }) => verb === 'put')).toHaveLength(1);
  });

  it('its code, details and outcome arrive, as the class of the code; an unknown code as RingfortError', async () => {
    const { cluster, db } = await connected();
    const bucket = db.bucket<number>('b');
    const [first] = cluster.nodesOf('b', 'k');
    const details = { required: 2, received: 1, outcome: 'indeterminate' };
    first!.behave = () => Promise.reject(new NodeFailure('QUORUM_UNAVAILABLE', details));
    const error = await bucket.put('k', 1).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(QuorumUnavailableError);
    expect(error).toMatchObject({ code: 'QUORUM_UNAVAILABLE', outcome: 'indeterminate', details });
    first!.behave = () => Promise.reject(new NodeFailure('FROM_THE_FUTURE'));
    await expect(bucket.get('k')).rejects.toMatchObject({ name: 'RingfortError', code: 'FROM_THE_FUTURE' });
  });

  it('is asked at most as often as allowed', async () => {
    const { cluster, db } = await connected({ retry: { maxAttempts: 2 } });
    for (const node of cluster.nodes.values()) node.behave = () => Promise.reject(new NodeFailure('NOT_SERVING'));
    const asked = cluster.count('get');
    await expect(db.bucket('b').get('k')).rejects.toMatchObject({ code: 'NOT_SERVING' });
    expect(cluster.count('get')).toBe(asked + 2);
  });
});

describe('when a node hangs', () => {
  it('a get is asked of the next one after the hedge time, and the first answer wins', async () => {
    const { cluster, db } = await connected({ retry: { hedgeMs: 30 } });
    const bucket = db.bucket<number>('b');
    await bucket.put('k', 1);
    const hung = gate();
    const [first] = cluster.nodesOf('b', 'k');
    first!.behave = (verb) => (verb === 'get' || verb === 'view' ? hung.opened : undefined);
    expect((await bucket.get('k')).value).toBe(1);
    expect(db.view().nodes.find(({ id }) => id === first!.id)).toMatchObject({ suspect: true });
    hung.open();
  });

  it('a put ends indeterminate at its deadline', async () => {
    const { cluster, db } = await connected({ timeoutMs: 60, retry: { hedgeMs: 20 } });
    const hung = gate();
    for (const node of cluster.nodes.values()) node.behave = () => hung.opened;
    await expect(db.bucket('b').put('k', 1)).rejects.toMatchObject({
      code: 'INDETERMINATE',
      details: { reason: 'DEADLINE_EXCEEDED' },
    });
    await expect(db.bucket('b').get('k')).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(cluster.count('put')).toBe(1);
    hung.open();
  });

  it('an abort ends the request at once, and says what is known of a write', async () => {
    const { cluster, db } = await connected();
    const bucket = db.bucket<number>('b');
    const hung = gate();
    const [first] = cluster.nodesOf('b', 'k');
    first!.behave = () => hung.opened;
    const controller = new AbortController();
    const put = bucket.put('k', 1, { signal: controller.signal }).catch((error: unknown) => error);
    await vi.waitFor(() => expect(first!.requests.some(({ verb }) => verb === 'put')).toBe(true));
    controller.abort();
    expect(await put).toMatchObject({ code: 'ABORTED', outcome: 'indeterminate' });
    const unsent = bucket.put('k', 1, { signal: AbortSignal.abort() });
    await expect(unsent).rejects.toMatchObject({ code: 'ABORTED', outcome: 'not-applied' });
    hung.open();
  });
});

describe('when the connection is down', () => {
  it('requests wait for it, and end by name at their deadline', async () => {
    const { cluster, db } = await connected();
    const bucket = db.bucket<number>('b');
    cluster.network.disconnect('client.c1');
    const put = bucket.put('k', 1);
    await expect(bucket.put('other', 1, { timeoutMs: 30 })).rejects.toThrow(DisconnectedError);
    await expect(bucket.get('other', { timeoutMs: 30 })).rejects.toMatchObject({ code: 'DISCONNECTED' });
    const controller = new AbortController();
    const aborted = bucket.put('third', 1, { signal: controller.signal });
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED', outcome: 'not-applied' });
    expect(db.view().mode).toBe('connecting');
    cluster.network.reconnect('client.c1');
    await put;
    expect((await bucket.get('k')).value).toBe(1);
    expect(cluster.count('put')).toBe(1);
  });

  it('a get under way is asked again, a put under way is indeterminate', async () => {
    const { cluster, db } = await connected();
    const bucket = db.bucket<number>('b');
    await bucket.put('k', 1);
    const hung = gate();
    const [first] = cluster.nodesOf('b', 'k');
    first!.behave = () => hung.opened;
    const before = first!.requests.length;
    const get = bucket.get('k');
    const put = bucket.put('k', 2);
    const putEnd = expect(put).rejects.toMatchObject({ code: 'INDETERMINATE', details: { reason: 'DISCONNECTED' } });
    await vi.waitFor(() => expect(first!.requests.length).toBe(before + 2));
    cluster.network.disconnect('client.c1');
    await putEnd;
    first!.behave = undefined;
    cluster.network.reconnect('client.c1');
    expect((await get).siblings).toContain(1);
    hung.open();
  });

  it('closing ends what waits, and everything after', async () => {
    const { cluster, db } = await connected();
    const bucket = db.bucket<number>('b');
    cluster.network.disconnect('client.c1');
    const waiting = bucket.put('k', 1);
    await Promise.all([expect(waiting).rejects.toThrow(ClientClosedError), db.close()]);
    await expect(bucket.get('k')).rejects.toThrow(ClientClosedError);
    await expect(bucket.keys().next()).rejects.toThrow(ClientClosedError);
    expect(db.view().mode).toBe('closed');
  });
});

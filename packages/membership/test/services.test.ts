import { memoryBus, systemClock } from '@ringfort/bus';
import { describe, expect, it } from 'vitest';
import { gossip, historyLogOverMeta, pushRecords, ringChanged, untilMember, view } from '../src/index.ts';
import { TestCluster } from './support/cluster.ts';

const ids = ['n1', 'n2', 'n3'];

async function withClient() {
  const cluster = new TestCluster();
  await cluster.found(ids);
  const client = memoryBus({ network: cluster.network, cluster: 'test', self: 'client.c1' });
  const asked = async <T>(work: Promise<T>): Promise<T> => {
    work.catch(() => undefined);
    await cluster.clock.pass(500);
    return work;
  };
  return { cluster, client, asked };
}

describe('a client', () => {
  it('learns from any member what it needs to route, and only what it lacks', async () => {
    const { cluster, client, asked } = await withClient();
    const first = await asked(client.request('kv.view', view, {}, { timeoutMs: 300 }));
    expect(first.records).toHaveLength(3);
    expect(first.peers.map(({ id }) => id)).toEqual(ids);
    const again = await asked(client.request('kv.view', view, { have: first.version }, { timeoutMs: 300 }));
    expect(again.records).toBeUndefined();
    expect(again.version).toEqual(cluster.membership('n1').ring.version);
  });

  it('is not answered by nodes that are no members, on the shared subject', async () => {
    const cluster = new TestCluster();
    await cluster.start('n1', { seeds: ['n1', 'n2'] });
    await cluster.clock.pass(2000);
    const client = memoryBus({ network: cluster.network, cluster: 'test', self: 'client.c1' });
    const refused = client.request('kv.view', view, {}, { timeoutMs: 300 });
    refused.catch(() => undefined);
    const own = client.request('node.n1.membership', view, {}, { timeoutMs: 300 });
    own.catch(() => undefined);
    await cluster.clock.pass(500);
    await expect(refused).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
    expect((await own).records).toHaveLength(1);
  });

  it('hears of changes', async () => {
    const { cluster, client } = await withClient();
    const versions: string[] = [];
    client.listen('events.ring.changed', ringChanged, ({ version }) => versions.push(version.digest));
    const settings = { n: 3, r: 2, w: 2, conflict: 'siblings' } as const;
    void cluster.membership('n1').configureBucket('carts', settings);
    await cluster.clock.pass(1000);
    expect(new Set(versions)).toEqual(new Set([cluster.membership('n2').ring.version.digest]));
  });

  it('that sends nonsense is told so, and changes nothing', async () => {
    const { cluster, client, asked } = await withClient();
    const before = cluster.membership('n1').ring.version;
    const bad = { records: [{ kind: 'node.founded', lamport: -1 }] } as never;
    const pushed = asked(client.request('node.n1.membership', pushRecords, bad, { timeoutMs: 300 }));
    await expect(pushed).rejects.toMatchObject({ code: 'INVALID_MESSAGE' });
    const heard = asked(client.request('node.n1.membership', gossip, { beats: 7 } as never, { timeoutMs: 300 }));
    await expect(heard).rejects.toMatchObject({ code: 'INVALID_MESSAGE' });
    expect(cluster.membership('n1').ring.version).toEqual(before);
  });
});

describe('closing', () => {
  it('ends everything, once, and peers notice at their next word', async () => {
    const { cluster } = await withClient();
    const { membership, events } = cluster.get('n1');
    const closed = Promise.all([membership.close(), membership.close()]);
    await cluster.clock.pass(10);
    await closed;
    await membership.close();
    expect(membership.state).toBe('left');
    expect(events.at(-1)).toEqual({ type: 'state.changed', state: 'left' });
    await cluster.clock.pass(6000);
    expect(cluster.membership('n2').isUp('n1')).toBe(false);
  });
});

describe('untilMember', () => {
  it('resolves for a member, and says what is missing otherwise', async () => {
    const { cluster } = await withClient();
    await untilMember(cluster.membership('n1'), 10, cluster.clock);
    const stranger = await cluster.start('n9', { seeds: ids });
    const late = untilMember(stranger.membership, 1000, cluster.clock);
    late.catch(() => undefined);
    await cluster.clock.pass(2000);
    await expect(late).rejects.toMatchObject({ code: 'JOIN_TIMEOUT', details: { reason: 'NOT_A_MEMBER' } });
    const wiped = await cluster.start('n7', { seeds: ['n7', ...ids] });
    await wiped.membership.close();
    await expect(untilMember(wiped.membership, 1000, systemClock)).rejects.toMatchObject({ code: 'NOT_A_MEMBER' });
  });
});

describe('a log over the small values of a store', () => {
  it('gives back every batch in order, and goes on after a restart', async () => {
    const values = new Map<string, Uint8Array>([['other/1', new Uint8Array([1])]]);
    const meta = {
      getMeta: (key: string) => values.get(key),
      putMeta: async (key: string, value: Uint8Array | undefined) => void (value && values.set(key, value)),
      listMeta: (prefix: string) => new Map([...values].filter(([key]) => key.startsWith(prefix)).reverse()),
    };
    const entry = (text: string) => new TextEncoder().encode(text);
    const first = historyLogOverMeta(meta);
    expect(await first.load()).toEqual([]);
    await first.append([entry('{"ö":1}'), entry('{"b":2}')]);
    await first.append([entry('{"c":3}')]);
    const second = historyLogOverMeta(meta);
    expect(await second.load()).toHaveLength(3);
    await second.append([entry('{"d":4}')]);
    const texts = (await historyLogOverMeta(meta).load()).map((bytes) => new TextDecoder().decode(bytes));
    expect(texts).toEqual(['{"ö":1}', '{"b":2}', '{"c":3}', '{"d":4}']);
  });
});

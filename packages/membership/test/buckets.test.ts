import { recordHash } from '@ringfort/ring';
import type { BucketSettings } from '@ringfort/ring/contract';
import { describe, expect, it } from 'vitest';
import { TestCluster } from './support/cluster.ts';
import { settled } from './support/manual-clock.ts';

const ids = ['n1', 'n2', 'n3', 'n4', 'n5'];
const lww: BucketSettings = { n: 3, r: 1, w: 1, conflict: 'lww' };
const siblings: BucketSettings = { n: 3, r: 2, w: 2, conflict: 'siblings' };

async function founded(): Promise<TestCluster> {
  const cluster = new TestCluster();
  await cluster.found(ids);
  return cluster;
}

/** Waits for work that needs the time to pass. */
async function meanwhile<T>(cluster: TestCluster, work: Promise<T>, ms = 500): Promise<T> {
  const settledWork = work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  await cluster.clock.pass(ms);
  const outcome = await settledWork;
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}

describe('a bucket', () => {
  it('is configured for the whole cluster by the time the author is answered', async () => {
    const cluster = await founded();
    let answered = false;
    const work = cluster.membership('n2').configureBucket('carts', lww);
    void work.then(() => (answered = true));
    while (!answered) await cluster.clock.pass(1);
    expect(await work).toEqual(lww);
    for (const id of ids) expect(cluster.membership(id).ring.bucket('carts')).toEqual(lww);
    expect(new Set(cluster.versions()).size).toBe(1);
  });

  it('that is configured again with the same settings costs no record', async () => {
    const cluster = await founded();
    await meanwhile(cluster, cluster.membership('n2').configureBucket('carts', lww));
    await meanwhile(cluster, cluster.membership('n3').configureBucket('carts', { ...lww }));
    expect(cluster.membership('n1').history()).toHaveLength(6);
    await meanwhile(cluster, cluster.membership('n3').configureBucket('carts', { ...lww, ttlSeconds: 60 }));
    expect(cluster.membership('n1').ring.bucket('carts').ttlSeconds).toBe(60);
  });

  it('keeps its conflict rule', async () => {
    const cluster = await founded();
    await meanwhile(cluster, cluster.membership('n2').configureBucket('carts', lww));
    const change = meanwhile(cluster, cluster.membership('n1').configureBucket('carts', siblings));
    await expect(change).rejects.toMatchObject({ code: 'BUCKET_CONFLICT_FIXED', details: { conflict: 'lww' } });
  });

  it('made twice at the same time, with different rules, ends with one rule everywhere', async () => {
    const cluster = await founded();
    const works = Promise.all([
      cluster.membership('n1').configureBucket('carts', lww),
      cluster.membership('n5').configureBucket('carts', siblings),
    ]);
    await meanwhile(cluster, works, 3000);
    for (const id of ids) expect(cluster.membership(id).ring.bucket('carts').conflict).toBe('siblings');
    expect(new Set(cluster.versions()).size).toBe(1);
  });

  it('reaches a node that was down, once it is back', async () => {
    const cluster = await founded();
    const log = cluster.kill('n4');
    await cluster.clock.pass(2000);
    await meanwhile(cluster, cluster.membership('n1').configureBucket('carts', lww));
    await cluster.start('n4', { log, seeds: ids });
    await cluster.clock.pass(200);
    expect(cluster.membership('n4').ring.bucket('carts')).toEqual(lww);
  });

  it.each([
    ['r beyond n', { ...siblings, r: 4 }],
    ['w beyond n', { ...siblings, w: 4 }],
    ['dw beyond w', { ...siblings, dw: 3 }],
    ['n of nothing', { ...siblings, n: 0 }],
    ['an unknown rule', { ...siblings, conflict: 'mine' as 'lww' }],
  ])('is not made with %s', async (_, settings) => {
    const cluster = new TestCluster();
    await cluster.found(['n1']);
    await expect(cluster.membership('n1').configureBucket('b', settings)).rejects.toMatchObject({
      code: 'INVALID_SETTINGS',
    });
  });

  it('is not made without a name', async () => {
    const cluster = new TestCluster();
    await cluster.found(['n1']);
    await expect(cluster.membership('n1').configureBucket('', siblings)).rejects.toMatchObject({
      code: 'INVALID_SETTINGS',
    });
  });
});

describe('a record', () => {
  it('counts, and is told to others, only once the log has it', async () => {
    const cluster = new TestCluster();
    let release: (() => void) | undefined;
    let holding = false;
    const entries: Uint8Array[] = [];
    const log = {
      load: () => entries,
      async append(added: readonly Uint8Array[]) {
        if (holding) await new Promise<void>((resolve) => (release = resolve));
        entries.push(...added);
      },
    };
    await cluster.start('n1', { seeds: ['n1', 'n2'], log });
    await cluster.start('n2', { seeds: ['n1', 'n2'] });
    await cluster.clock.pass(2000);
    holding = true;
    const work = cluster.membership('n1').configureBucket('carts', lww);
    await cluster.clock.pass(3000);
    expect(cluster.membership('n1').ring.bucket('carts').conflict).toBe('siblings');
    expect(cluster.membership('n2').history()).toHaveLength(2);
    release?.();
    await settled();
    await meanwhile(cluster, work);
    expect(cluster.membership('n2').ring.bucket('carts')).toEqual(lww);
    expect(cluster.membership('n2').history().map(recordHash)).toHaveLength(3);
  });

  it('that the log refuses does not exist, and the author is told', async () => {
    const cluster = new TestCluster();
    let full = false;
    const log = {
      load: () => [],
      append: () => (full ? Promise.reject(new Error('no space left on device')) : Promise.resolve()),
    };
    await cluster.start('n1', { seeds: ['n1'], log });
    await cluster.clock.pass(100);
    full = true;
    const work = cluster.membership('n1').configureBucket('carts', lww);
    await expect(work).rejects.toMatchObject({
      code: 'HISTORY_NOT_PERSISTED',
      cause: new Error('no space left on device'),
    });
    expect(cluster.membership('n1').history()).toHaveLength(1);
    full = false;
    expect(await cluster.membership('n1').configureBucket('carts', lww)).toEqual(lww);
  });

  it('of the own founding is tried again while the disk refuses it', async () => {
    const cluster = new TestCluster();
    let tries = 0;
    const log = {
      load: () => [],
      append: () => (++tries < 3 ? Promise.reject(new Error('no space left on device')) : Promise.resolve()),
    };
    const { membership, logged } = await cluster.start('n1', { seeds: ['n1'], log });
    await cluster.clock.pass(2000);
    expect(membership.state).toBe('member');
    expect(logged.filter(({ code }) => code === 'HISTORY_NOT_PERSISTED').length).toBeGreaterThan(0);
  });
});

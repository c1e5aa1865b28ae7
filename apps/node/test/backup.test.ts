import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { digestsOf, type Embedded, embedded, ringfort } from './support/embedded.ts';

const directory = mkdtempSync(join(tmpdir(), 'ringfort-backup-'));
const at = (name: string) => join(directory, name);
const clusters: Embedded[] = [];
let from: Embedded;

async function cluster(name: string, nodes: number, flags: Record<string, string> = {}): Promise<Embedded> {
  const made = await embedded(directory, name, nodes, flags);
  clusters.push(made);
  return made;
}
beforeAll(async () => {
  from = await cluster('old', 4);
}, 60_000);
afterAll(async () => {
  await Promise.all(clusters.map((one) => one.stop()));
  rmSync(directory, { recursive: true });
});

async function put({ url }: Embedded, bucket: string, key: string, body: string, context?: string): Promise<string> {
  const headers = context === undefined ? {} : { 'ringfort-context': context };
  const reply = await fetch(`${url}/v1/buckets/${bucket}/keys/${key}`, { method: 'PUT', body, headers });
  expect(reply.status).toBe(204);
  return reply.headers.get('ringfort-context')!;
}

async function settled(one: Embedded, bucket: string, wanted: ReadonlyMap<string, string[]>): Promise<void> {
  await expect.poll(() => digestsOf(one, bucket), { timeout: 10_000 }).toEqual(wanted);
}

it('a cluster is copied while it runs, and restored into one of another size, as often as one likes', async () => {
  await fetch(`${from.url}/v1/buckets/newest`, { method: 'PUT', body: '{"conflict":"lww","n":2}' });
  const keys = Array.from({ length: 400 }, (_, i) => `k${i}`);
  await Promise.all(keys.map((key) => put(from, 'carts', key, `first ${key}`)));
  await Promise.all(keys.slice(0, 50).map((key) => put(from, 'carts', key, `beside ${key}`)));
  await Promise.all(keys.slice(0, 30).map((key) => put(from, 'newest', key, key)));
  const gone = await put(from, 'carts', 'gone', 'deleted');
  await fetch(`${from.url}/v1/buckets/carts/keys/gone`, { method: 'DELETE', headers: { 'ringfort-context': gone } });
  await expect.poll(() => [...digestsOf(from, 'carts').values()].filter((one) => one.length > 1)).toEqual([]);
  const held = digestsOf(from, 'carts');
  const newest = digestsOf(from, 'newest');

  const made = await ringfort(from.url, ['backup', at('b1')]);
  expect(made).toMatchObject({ code: 0, out: expect.stringMatching(/^backup of cluster old in .*: 4 nodes/) });
  const manifest = JSON.parse(readFileSync(join(at('b1'), 'manifest.json'), 'utf8'));
  expect(manifest.copies.map(({ node }: { node: string }) => node)).toEqual(['old1', 'old2', 'old3', 'old4']);
  expect(manifest.copies.map(({ storeId }: { storeId: string }) => storeId)).toEqual(
    from.nodes.map(({ store }) => store.storeId),
  );
  const copied = manifest.copies.reduce((sum: number, { records }: { records: number }) => sum + records, 0);
  expect(copied).toBe(3 * 401 + 2 * 30);
  expect(readdirSync(at('b1')).sort()).toEqual(['manifest.json', 'old1.copy', 'old2.copy', 'old3.copy', 'old4.copy']);
  expect(await ringfort(from.url, ['backup', at('b1')])).toMatchObject({ code: 64 });

  const to = await cluster('new', 6, { partitions: '8' });
  const restored = await ringfort(to.url, ['restore', at('b1')]);
  expect(restored).toMatchObject({ code: 0, err: expect.stringContaining('431 objects merged') });
  await settled(to, 'carts', held);
  await settled(to, 'newest', newest);
  expect(await (await fetch(`${to.url}/v1/buckets/newest`)).json()).toMatchObject({ conflict: 'lww', n: 2 });
  // A context from before the backup is understood by the new cluster.
  const { headers } = await fetch(`${from.url}/v1/buckets/carts/keys/k100`);
  await put(to, 'carts', 'k100', 'since', headers.get('ringfort-context')!);
  const since = digestsOf(to, 'carts');
  expect((await ringfort(to.url, ['restore', at('b1')])).code).toBe(0);
  await expect
    .poll(() => [...digestsOf(to, 'carts').values()].filter((one) => one.length > 1), { timeout: 10_000 })
    .toEqual([]);
  expect(await (await fetch(`${to.url}/v1/buckets/carts/keys/k100`)).text()).toBe('since');
  expect([...digestsOf(to, 'carts').keys()]).toEqual([...since.keys()]);
}, 90_000);

it('what is not whole is never taken for a backup, and nothing of it is restored', async () => {
  const to = await cluster('other', 1, { partitions: '8' });
  const broken = async (name: string, change: () => void) => {
    rmSync(at(name), { recursive: true, force: true });
    expect((await ringfort(from.url, ['backup', at(name)])).code).toBe(0);
    change();
    return ringfort(to.url, ['restore', at(name)]);
  };
  const copy = join(at('b2'), 'old3.copy');
  const told = (code: number, text: string) => ({ code, err: expect.stringContaining(text) });
  const flip = () => {
    const bytes = readFileSync(copy);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(copy, bytes);
  };
  expect(await broken('b2', flip)).toMatchObject(told(1, 'checksum does not match'));
  expect(await broken('b2', () => writeFileSync(copy, readFileSync(copy).subarray(1)))).toMatchObject(
    told(1, 'were written'),
  );
  expect(await broken('b2', () => rmSync(copy))).toMatchObject(told(1, 'ENOENT'));
  expect(await broken('b2', () => rmSync(join(at('b2'), 'manifest.json')))).toMatchObject(told(1, 'no backup'));
  expect(await broken('b2', () => writeFileSync(join(at('b2'), 'manifest.json'), '{}'))).toMatchObject(
    told(1, 'not that of a backup'),
  );
  expect(to.nodes[0]!.store.stats().records).toBe(0);
  expect((await ringfort(from.url, ['backup', at('b3')])).code).toBe(0);
  expect((await ringfort(to.url, ['restore', at('b3'), '--check'])).code).toBe(0);
  expect(to.nodes[0]!.store.stats().records).toBe(0);
}, 90_000);

it('without a node that is away there is a backup only when that is asked for; W replicas are in the other copies', async () => {
  const small = await cluster('small', 3);
  const keys = Array.from({ length: 100 }, (_, i) => `k${i}`);
  await Promise.all(keys.map((key) => put(small, 'carts', key, key)));
  await small.nodes[2]!.stop();
  await Promise.all(keys.slice(0, 20).map((key) => put(small, 'carts', `late-${key}`, key)));
  const refused = await ringfort(small.url, ['backup', at('b4')]);
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('--allow-missing') });
  expect(existsSync(join(at('b4'), 'manifest.json'))).toBe(false);
  expect(await ringfort(small.url, ['restore', at('b4')])).toMatchObject({ code: 1 });
  expect(await ringfort(small.url, ['backup', at('b5'), '--allow-missing'])).toMatchObject({
    code: 0,
    out: expect.stringContaining('WITHOUT small3'),
  });
  const to = await cluster('again', 2, { partitions: '8' });
  const restored = await ringfort(to.url, ['restore', at('b5')]);
  expect(restored).toMatchObject({ code: 0, err: expect.stringContaining('WITHOUT small3') });
  await expect.poll(() => digestsOf(to, 'carts').size, { timeout: 10_000 }).toBe(120);
}, 90_000);

it('asks for the right, and for a member', async () => {
  const codeOf = async (path: string, { url }: Embedded) => {
    const answer = await fetch(`${url}${path}`);
    return [answer.status, ((await answer.json()) as { code: string }).code];
  };
  expect(await codeOf('/v1/cluster/nodes/nobody/copy', from)).toEqual([404, 'UNKNOWN_NODE']);
  expect(await codeOf('/v1/cluster/nodes/old1/copy?x=1', from)).toEqual([400, 'INVALID_QUERY']);
});

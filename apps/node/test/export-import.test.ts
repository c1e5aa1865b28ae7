import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '@ringfort/testkit';
import { encodeObject, mergeObjects, updateObject, type VersionedObject } from '@ringfort/versioning';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { keyLine, parseLine } from '../src/cli/object-line.ts';
import { digestsOf, type Embedded, embedded, ringfort } from './support/embedded.ts';

const directory = mkdtempSync(join(tmpdir(), 'ringfort-export-'));
let from: Embedded;
let to: Embedded;
beforeAll(async () => {
  [from, to] = await Promise.all([embedded(directory, 'from', 3), embedded(directory, 'to', 4, { partitions: '8' })]);
}, 60_000);
afterAll(async () => {
  await Promise.all([from.stop(), to.stop()]);
  rmSync(directory, { recursive: true });
});

const keyAt = (cluster: Embedded, key: string) => `${cluster.url}/v1/buckets/carts/keys/${encodeURIComponent(key)}`;
async function put(cluster: Embedded, key: string, body: string | Uint8Array, context?: string): Promise<string> {
  const headers = { 'content-type': 'text/plain', ...(context === undefined ? {} : { 'ringfort-context': context }) };
  const reply = await fetch(`${keyAt(cluster, key)}?w=all`, { method: 'PUT', body: Buffer.from(body), headers });
  expect(reply.status).toBe(204);
  return reply.headers.get('ringfort-context')!;
}

it('an object and its line are each other, whatever the values are; a line that was edited is refused', () => {
  const random = seededRandom(3);
  for (let round = 0; round < 200; round++) {
    let object: VersionedObject | undefined;
    for (let write = 0; write <= random.below(4); write++) {
      const value = random.below(4) === 0 ? undefined : random.bytes(random.below(40));
      const text = random.below(2) === 0 && value !== undefined ? Buffer.from(`caf\u00e9 ${write}\n"`) : value;
      const one = updateObject(
        undefined,
        undefined,
        { actor: `r${random.below(3)}-0`, counter: 1 + random.below(9) },
        {
          value: text,
          contentType: random.below(3) === 0 ? '' : 'a/b',
          ...(random.below(3) === 0 ? { expiresAtMs: random.below(1e9) } : {}),
          ...(random.below(3) === 0 ? { stamp: { wallMs: random.below(1e9), logical: random.below(3) } } : {}),
        },
      );
      object = object === undefined ? one : mergeObjects(object, one);
    }
    const bytes = encodeObject(object!);
    const line = keyLine('k', bytes);
    expect(line).not.toContain('\n');
    expect(parseLine(line)).toEqual({ kind: 'key', key: 'k', object: Buffer.from(bytes) });
    const edited = line.replace('"contentType":"a/b"', '"contentType":"a/c"');
    if (edited !== line) expect(() => parseLine(edited)).toThrow('digest');
  }
});

it('a bucket goes over to another cluster as it is, and merges there, as often as one likes', async () => {
  const keys = Array.from({ length: 300 }, (_, i) => `key ${i}/\u00e9`);
  await Promise.all(keys.map((key) => put(from, key, `value of ${key}`)));
  await put(from, keys[0]!, Uint8Array.of(0xff, 0, 0xfe));
  const context = await put(from, 'gone', 'deleted');
  await fetch(`${keyAt(from, 'gone')}?w=all`, { method: 'DELETE', headers: { 'ringfort-context': context } });

  const exported = await ringfort(from.url, ['export', 'carts']);
  expect(exported).toMatchObject({ code: 0, err: expect.stringMatching(/^301 keys of carts exported/) });
  const lines = exported.out.trimEnd().split('\n');
  expect(lines).toHaveLength(303);
  expect(JSON.parse(lines[0]!)).toMatchObject({ ringfort: 'export', version: 1, bucket: 'carts', settings: { n: 3 } });
  const first = lines.map((line) => JSON.parse(line)).find(({ key }) => key === keys[0]);
  expect(first.siblings).toHaveLength(2);
  expect(first.siblings).toContainEqual(expect.objectContaining({ contentType: 'text/plain', base64: '/wD+' }));
  expect(first.siblings).toContainEqual(expect.objectContaining({ value: `value of ${keys[0]}` }));
  const gone = lines.map((line) => JSON.parse(line)).find(({ key }) => key === 'gone');
  expect(gone.siblings).toEqual([expect.objectContaining({ deleted: true })]);

  const imported = await ringfort(to.url, ['import', 'carts'], exported.out);
  expect(imported).toEqual({ code: 0, out: '', err: '301 keys merged into carts' });
  // W owners had it when it was acknowledged, the third gets it a moment later.
  await expect.poll(() => digestsOf(to, 'carts')).toEqual(digestsOf(from, 'carts'));
  // A context of the one cluster is one of the other.
  const there = await fetch(keyAt(to, keys[1]!));
  await put(to, keys[1]!, 'written there', there.headers.get('ringfort-context')!);
  await put(to, keys[2]!, 'written beside');
  const before = digestsOf(to, 'carts');
  expect((await ringfort(to.url, ['import', 'carts'], exported.out)).code).toBe(0);
  expect(digestsOf(to, 'carts')).toEqual(before);
  expect(await (await fetch(keyAt(to, keys[1]!))).text()).toBe('written there');
  expect((await fetch(keyAt(to, keys[2]!))).status).toBe(300);
}, 60_000);

it('what is wrong with an export is told by the line, and the rest is imported', async () => {
  await put(from, 'right', 'v');
  const { out } = await ringfort(from.url, ['export', 'carts']);
  const lines = out.trimEnd().split('\n');
  const right = lines.findIndex((line) => line.includes('"key":"right"'));
  const broken = [...lines];
  broken[right] = lines[right]!.replace('"value":"v"', '"value":"x"');
  broken.splice(right + 1, 0, '{"key":', '{"key":"k"}');
  const told = await ringfort(to.url, ['import', 'other'], broken.join('\n'));
  expect(told.code).toBe(1);
  expect(told.err.split('\n').slice(0, 3)).toEqual([
    expect.stringMatching(new RegExp(`^line ${right + 1}: .*digest`)),
    `line ${right + 2}: it is not JSON`,
    expect.stringMatching(new RegExp(`^line ${right + 3}: it is no line of an export \\(siblings`)),
  ]);
  expect(told.err).toContain(`${lines.length - 3} keys merged into other, 3 lines FAILED`);
  expect(digestsOf(to, 'other').size).toBe(lines.length - 3);

  const cut = await ringfort(to.url, ['import', 'cut'], lines.slice(0, -2).join('\n'));
  expect(cut).toMatchObject({ code: 1, err: expect.stringContaining('NOT WHOLE') });
  expect(await ringfort(to.url, ['import', 'b'], 'nonsense\n')).toMatchObject({
    code: 64,
    err: expect.stringContaining('no export'),
  });
  expect(await ringfort(to.url, ['import', 'b'])).toMatchObject({ code: 64 });
}, 60_000);

it('a bucket keeps the rule by which its values were written', async () => {
  const settings = { n: 3, r: 2, w: 2, conflict: 'lww' };
  await fetch(`${from.url}/v1/buckets/newest`, { method: 'PUT', body: JSON.stringify(settings) });
  await fetch(`${from.url}/v1/buckets/newest/keys/k?w=all`, { method: 'PUT', body: 'v' });
  const { out } = await ringfort(from.url, ['export', 'newest']);
  expect((await ringfort(to.url, ['import', 'newest'], out)).code).toBe(0);
  expect(await (await fetch(`${to.url}/v1/buckets/newest`)).json()).toEqual(settings);
  await fetch(`${to.url}/v1/buckets/made`, { method: 'PUT', body: '{"conflict":"siblings"}' });
  expect(await ringfort(to.url, ['import', 'made'], out)).toMatchObject({
    code: 1,
    err: expect.stringContaining('is siblings here'),
  });
});

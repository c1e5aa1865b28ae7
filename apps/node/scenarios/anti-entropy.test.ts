import { withTestCluster } from '@ringfort/testkit';
import { expect, it } from 'vitest';
import { until } from './harness/cluster-state.ts';

const KEYS = 400;
const VALUE = 'v'.repeat(1024);

it(
  'anti-entropy: a node that missed writes of which nobody keeps a hint has them all, without a read',
  { timeout: 90_000 },
  () =>
    withTestCluster(
      { nodes: 3, flags: ['--max-hint-bytes', '0', '--anti-entropy-interval', '2'] },
      async ({ nodes }) => {
        const [n1, n2, n3] = nodes as [(typeof nodes)[0], (typeof nodes)[0], (typeof nodes)[0]];
        const put = async (key: string) => {
          const url = `${n1.url}/v1/buckets/carts/keys/${key}?sloppy=false`;
          const { status } = await fetch(url, { method: 'PUT', body: VALUE });
          expect(status, key).toBeLessThan(300);
        };
        const metric = async (node: typeof n1, name: string): Promise<number> => {
          const text = await (await fetch(`${node.url}/metrics`)).text();
          return Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1]);
        };
        const all = (name: string) => Promise.all(nodes.map((node) => metric(node, `ringfort_${name}`)));
        const moved = async () => {
          const kinds = await Promise.all(['sent', 'received'].map((way) => all(`anti_entropy_keys_${way}_total`)));
          return kinds.flat().reduce((sum, count) => sum + count, 0);
        };
        for (let key = 0; key < KEYS; key++) await put(`before-${key}`);
        await until(
          'all replicas hold what was written',
          () => all('records'),
          (held) => held.every((n) => n === KEYS),
          20_000,
        );
        n3.kill('SIGKILL');
        await n3.exited;
        for (let key = 0; key < KEYS; key++) await put(`missed-${key}`);
        expect(await metric(n2, 'ringfort_records')).toBe(2 * KEYS);
        await n3.restart();
        await until(
          'the node holds what it missed',
          () => all('records'),
          (held) => held.every((n) => n === 2 * KEYS),
          30_000,
        );
        expect(await all('hints_delivered_total')).toEqual([0, 0, 0]);
        expect(await all('read_repairs_total')).toEqual([0, 0, 0]);
        for (const key of ['before-7', 'missed-7', 'missed-399']) {
          const reply = await (await fetch(`${n1.url}/v1/buckets/carts/keys/${key}/replicas`)).json();
          const { replicas } = reply as { replicas: { digest?: string }[] };
          expect(
            replicas.map(({ digest }) => digest),
            key,
          ).toEqual(Array(3).fill(replicas[0]!.digest));
        }
        const before = await moved();
        expect(before).toBeGreaterThanOrEqual(KEYS);
        const rounds = await all('anti_entropy_rounds_total');
        const later = () => all('anti_entropy_rounds_total');
        await until('each compares again', later, (now) => now.every((n, i) => n >= rounds[i]! + 4), 30_000);
        expect(await moved()).toBe(before);
      },
    ),
);

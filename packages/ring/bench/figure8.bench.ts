import { parseArgs } from 'node:util';
import { place, positionOf, tokenPlacedPartitions, tokenValueRing } from '../src/index.ts';
import { seeded, zipfian } from './keys.ts';

/**
 * Figure 8 of the Dynamo paper (section 6.2): load-balancing efficiency (mean load over max load) of the three partitioning strategies,
 * by the size of the membership metadata that each node keeps. S=30 equal nodes, N=3, skewed keys.
 * Run: npm run bench -w @ringfort/ring, or after it: node bench/dist/bench/figure8.bench.js --skew 0.99 --keys 1000000
 *
 * Bytes counted: a token is 16 bytes (128 bits) and a node number of 2; strategy 2 shares its fixed Q=4096 as one number; strategy 3
 * has N node numbers of 2 bytes per partition (this package's owner table; the paper's has one token per partition).
 */
const { values } = parseArgs({
  options: {
    skew: { type: 'string', default: '0.7' },
    keys: { type: 'string', default: '200000' },
    seeds: { type: 'string', default: '5' },
  },
});
const [skew, keyCount, seeds] = [Number(values.skew), Number(values.keys), Number(values.seeds)];
const servers = 30;
const replicas = 3;
const fixedPartitions = 4096;
const nodes = Array.from({ length: servers }, (_, index) => `n${String(index).padStart(2, '0')}`);
const rates = zipfian(keyCount, skew);
const positions = Float64Array.from({ length: keyCount }, (_, index) => positionOf('figure8', `key-${index}`));

/** Mean over max of the requests that reach each node, when every replica of a key sees all of its requests. */
function efficiency(ownersAt: (position: number) => readonly string[]): number {
  const load = new Map<string, number>();
  rates.forEach((rate, key) => {
    for (const node of ownersAt(positions[key]!)) load.set(node, (load.get(node) ?? 0) + rate);
  });
  return replicas / servers / Math.max(...load.values());
}

function averaged(make: (random: () => number) => { ownersAt(position: number): readonly string[] }): number {
  let sum = 0;
  for (let seed = 1; seed <= seeds; seed++) sum += efficiency(make(seeded(seed)).ownersAt);
  return sum / seeds;
}

function equalPartitions(partitions: number): number {
  const placed = nodes.map((id) => ({ id, store: id, weight: 1, zone: 'z' }));
  const { owners } = place(placed, partitions);
  const lists = Array.from({ length: partitions }, (_, partition) =>
    [...owners.subarray(partition * replicas, (partition + 1) * replicas)].map((owner) => nodes[owner]!),
  );
  return efficiency((position) => lists[Math.floor(position * partitions)]!);
}

function row(strategy: string, setting: string, bytes: string, efficiency: string): string {
  return `| ${strategy.padEnd(46)} | ${setting.padEnd(7)} | ${bytes.padStart(8)} | ${efficiency.padStart(10)} |`;
}

function print(strategy: string, setting: string, bytes: number, value: number): void {
  console.log(row(strategy, setting, String(bytes), value.toFixed(3)));
}

const hottest = (rates[0]! * 100).toFixed(2);
console.log(
  `Figure 8: S=${servers}, N=${replicas}, ${keyCount} keys, Zipf ${skew} (hottest key ${hottest}% of requests),`,
);
console.log(`strategies 1 and 2 averaged over ${seeds} seeds. npm run bench -w @ringfort/ring`);
console.log(row('strategy', 'setting', 'bytes', 'mean / max'));
console.log(row('-'.repeat(46), '-'.repeat(7), '-'.repeat(8), '-'.repeat(10)));
for (const tokens of [1, 4, 16, 64, 128]) {
  const value = averaged((random) => tokenValueRing(nodes, tokens, replicas, random));
  print('1: T random tokens, partition by token value', `T=${tokens}`, servers * tokens * 18, value);
}
for (const tokens of [1, 4, 16, 64, 128]) {
  const value = averaged((random) => tokenPlacedPartitions(nodes, tokens, fixedPartitions, replicas, random));
  print('2: T random tokens, equal partitions', `T=${tokens}`, servers * tokens * 18 + 4, value);
}
for (const partitions of [64, 128, 256, 512, 1024, 4096]) {
  const value = equalPartitions(partitions);
  print('3: Q/S tokens per node, equal partitions', `Q=${partitions}`, partitions * replicas * 2, value);
}

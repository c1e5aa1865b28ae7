import { Bench } from 'tinybench';
import { activePlaces, foldHistory, type MembershipRecord, type Place, partitionOf, place } from '../src/index.ts';

/**
 * What a lookup costs, and that the lookup of a preference list allocates nothing. Run: npm run bench -w @ringfort/ring
 */

const nodeCount = 30;
const ids = Array.from({ length: nodeCount }, (_, index) => `n${String(index).padStart(2, '0')}`);
const founding: MembershipRecord[] = ids.map((node, index) => ({
  kind: 'node.founded',
  lamport: 1,
  author: node,
  node,
  store: `s${index}`,
  weight: 1,
  zone: `z${index % 3}`,
  founders: ids,
  partitions: 256,
}));
const ring = foldHistory(founding);
for (let partition = 0; partition < ring.partitions; partition++) ring.preferenceList(partition);

const keys = Array.from({ length: 4096 }, (_, index) => `user:${index}:cart`);
const down = new Set(['n03', 'n17']);
const everyoneIsUp = () => true;
const mostAreUp = (node: string) => !down.has(node);
const out: Place[] = [];
let turn = 0;
let sink = 0;
const nextKey = () => keys[turn++ & 4095]!;
const nextList = () => ring.preferenceList(turn++ & 255);

/** Bytes by which the heap grows per call; nothing is collected in between while it does not. Needs --expose-gc for a clean start. */
function bytesPerCall(calls: number, call: () => void): number {
  for (let i = 0; i < 100_000; i++) call();
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < calls; i++) call();
  return (process.memoryUsage().heapUsed - before) / calls;
}

/** A million calls between two looks at the clock: one call is shorter than a look. */
function nsPerCall(call: () => number): number {
  const calls = 1_000_000;
  for (let i = 0; i < calls / 5; i++) sink += call();
  const start = process.hrtime.bigint();
  for (let i = 0; i < calls; i++) sink += call();
  return Number(process.hrtime.bigint() - start) / calls;
}

const lookups: [string, () => number][] = [
  ['partitionOf', () => partitionOf('carts', nextKey(), 256)],
  ['ring.preferenceList', () => nextList().length],
  ['activePlaces, all up', () => activePlaces(nextList(), 3, everyoneIsUp, out).length],
  ['activePlaces, 2 of 30 down', () => activePlaces(nextList(), 3, mostAreUp, out).length],
  [
    'all three, 2 of 30 down',
    () => activePlaces(ring.preferenceList(partitionOf('carts', nextKey(), 256)), 3, mostAreUp, out).length,
  ],
];
console.log(
  `${ring.partitions} partitions, ${nodeCount} nodes, node ${process.version}: npm run bench -w @ringfort/ring`,
);
for (const [name, call] of lookups) console.log(`${name.padEnd(40)} ${nsPerCall(call).toFixed(1).padStart(10)} ns`);
const allocated = bytesPerCall(5_000_000, () => {
  sink += nextList().length;
});
console.log(`${'ring.preferenceList allocates'.padEnd(40)} ${allocated.toFixed(4).padStart(10)} bytes per lookup`);
if (allocated > 0.1) throw new Error('the lookup of a preference list allocates');

const many = Array.from({ length: 100 }, (_, index) => ({
  id: `n${String(index).padStart(3, '0')}`,
  store: 's',
  weight: 1 + (index % 3),
  zone: `z${index % 5}`,
}));
const bench = new Bench({ time: 400, warmupTime: 200 });
for (const count of [4, 100]) {
  for (const partitions of [256, 1024]) {
    const nodes = many.slice(0, count);
    const fewer = nodes.slice(0, -1);
    const previous = { nodes: fewer, table: place(fewer, partitions) };
    bench.add(`found ${count} nodes, Q=${partitions}`, () => {
      sink += place(nodes, partitions).replicas;
    });
    bench.add(`add node number ${count}, Q=${partitions}`, () => {
      sink += place(nodes, partitions, previous).replicas;
    });
  }
}
await bench.run();
for (const { name, result } of bench.tasks) {
  if (result.state !== 'completed') throw new Error(`${name} ended as ${result.state}`);
  console.log(`${name.padEnd(40)} ${result.latency.p50.toFixed(2).padStart(10)} ms (median)`);
}
if (sink === 0) throw new Error('nothing was measured');

// CPU and latency of replica writes and reads on a real disk. Run with `npm run bench` (it builds first).
// Every write is a new version of its object by one writer, so each is read, merged, hashed, journaled and counted in a Merkle leaf.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { openLmdbStore } from '@ringfort/storage';
import { contextOf, encodeObject, updateObject } from '@ringfort/versioning';

const keyCount = 10_000;
const runMs = Number(process.env.BENCH_MS ?? 1500);
const value = new Uint8Array(1024).fill(7);
const ids = Array.from({ length: keyCount }, (_, i) => ({
  partition: (i * 7919) % 256,
  bucket: 'bench',
  key: `user${i}`,
}));

/** Every key has its own chain of versions; encoding them is not part of what is measured. */
const versionsOf = (counter) => {
  let object = updateObject(
    undefined,
    undefined,
    { actor: '0123456789abcdef-1', counter: 1 },
    { value, contentType: 'application/octet-stream' },
  );
  for (let c = 2; c <= counter; c++)
    object = updateObject(
      object,
      contextOf(object),
      { actor: '0123456789abcdef-1', counter: c },
      { value, contentType: 'application/octet-stream' },
    );
  return encodeObject(object);
};
const versions = Array.from({ length: 200 }, (_, i) => versionsOf(i + 1));

async function measure(label, store, inFlight, write) {
  const latencies = [];
  const delay = monitorEventLoopDelay({ resolution: 1 });
  let seed = 12345;
  const draw = () => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return seed % keyCount;
  };
  const until = performance.now() + runMs;
  delay.enable();
  const cpu = process.cpuUsage();
  const start = performance.now();
  const worker = async () => {
    while (performance.now() < until) {
      const at = performance.now();
      await write(store, draw());
      latencies.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  const elapsed = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  delay.disable();
  latencies.sort((a, b) => a - b);
  const at = (q) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * q))].toFixed(2).padStart(7);
  const n = latencies.length;
  console.log(
    `${label.padEnd(10)} ${String(inFlight).padStart(4)} in flight  ${(n / elapsed).toFixed(1).padStart(6)}k/s  ` +
      `${((user + system) / n).toFixed(1).padStart(6)} us CPU (${(system / n).toFixed(1)} kernel)  p50 ${at(0.5)}  p99 ${at(0.99)}  p99.9 ${at(0.999)} ms  ` +
      `loop held up at most ${(delay.max / 1e6).toFixed(1)} ms`,
  );
}

const offsets = new Array(keyCount).fill(0);
const chain = (store, i) => store.write(ids[i], versions[offsets[i]++ % versions.length]);

for (const durability of ['interval', 'fsync']) {
  const directory = mkdtempSync(join(tmpdir(), 'ringfort-bench-'));
  const store = await openLmdbStore({ directory, durability });
  offsets.fill(0);
  await Promise.all(ids.map((_, i) => chain(store, i)));
  // A cold process costs several times a warm one.
  for (let i = 0; i < 100_000; i += 64)
    await Promise.all(Array.from({ length: 64 }, (_, j) => chain(store, (i + j) % keyCount)));
  for (const inFlight of [1, 16, 64, 256]) await measure(durability, store, inFlight, chain);
  if (durability === 'fsync') {
    const count = 200_000;
    const cpu = process.cpuUsage();
    for (let i = 0; i < count; i++) store.read(ids[(i * 7919) % keyCount]).digest;
    const { user, system } = process.cpuUsage(cpu);
    console.log(`read       ${((user + system) / count).toFixed(2)} us CPU (from memory, object not decoded)`);
  }
  console.log(
    `resident   ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB, on disk ${(store.stats().bytesOnDisk / 1e6).toFixed(0)} MB`,
  );
  await store.close();
  rmSync(directory, { recursive: true });
}

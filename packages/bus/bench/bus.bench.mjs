// CPU of client and server, and throughput, of `bus.call()` against `nc.request()` on one nats-server; the echo server is a process of its own.
// Run: npm run build --workspace @ringfort/nats-server --workspace @ringfort/bus && node packages/bus/bench/bus.bench.mjs
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { connect } from '@nats-io/transport-node';
import { startNatsServer } from '@ringfort/nats-server';
import { Packr, Unpackr } from 'msgpackr';
import { z } from 'zod';

// BENCH_BUS: the index.js of another build.
const { defineContract, natsBus } = await import(process.env.BENCH_BUS ?? '@ringfort/bus');
const read = defineContract({
  verb: 'replica.read',
  request: z.object({ partition: z.int(), bucket: z.string(), key: z.string() }),
  reply: z.object({ digest: z.string(), object: z.instanceof(Uint8Array) }),
});
const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });
const question = { partition: 17, bucket: 'users', key: 'user:4711' };
const answer = { digest: '0123456789abcdef', object: new Uint8Array(1024) };
const IN_FLIGHT = (process.env.BENCH_IN_FLIGHT ?? '1,64,256').split(',').map(Number);
const MEASURE_MS = Number(process.env.BENCH_MS ?? 400);
const ROUNDS = 3;
const only = process.env.BENCH_ONLY;

if (process.argv[2] === 'server') await serve(process.argv[3]);
else await main();

async function serve(url) {
  const bus = await natsBus({ servers: url, cluster: 'bench', self: 'node.n1' });
  bus.serve('node.n1.storage', read, () => answer);
  await bus.flush();
  const connection = await connect({ servers: url, noAsyncTraces: true });
  connection.subscribe('bench.raw', {
    callback: (_error, message) => {
      unpackr.unpack(message.data);
      message.respond(packr.pack(answer));
    },
  });
  await connection.flush();
  process.on('disconnect', () => process.exit(0));
  process.on('message', () => process.send(cpuMicrosSince()));
  process.send('ready');
}

async function main() {
  const nats = await startNatsServer();
  const child = fork(fileURLToPath(import.meta.url), ['server', nats.url]);
  await new Promise((resolve) => child.once('message', resolve));
  const bus = await natsBus({ servers: nats.url, cluster: 'bench', self: 'client.c1' });
  const connection = await connect({ servers: nats.url, noAsyncTraces: true });
  const kinds = {
    'bus.call': (done) => bus.call('node.n1.storage', read, question, { timeoutMs: 2000 }, done),
    'bus.request': (done) =>
      bus.request('node.n1.storage', read, question, { timeoutMs: 2000 }).then(() => done(), done),
    'nc.request': (done) =>
      connection
        .request('bench.raw', packr.pack(question), { timeout: 2000 })
        .then((message) => done(undefined, unpackr.unpack(message.data)), done),
  };
  console.log(`best of ${ROUNDS} rounds of ${MEASURE_MS} ms, 1 KiB replies`);
  console.log('what          in flight     ops/s   client CPU us/op   server CPU us/op');
  for (const inFlight of IN_FLIGHT) {
    const chosen = Object.entries(kinds).filter(([name]) => only === undefined || only === name);
    const best = new Map();
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [name, ask] of chosen) {
        const before = await cpuOf(child);
        const { ops, seconds, cpuMicros } = await measure(ask, inFlight, MEASURE_MS);
        const server = (await cpuOf(child)) - before;
        const known = best.get(name) ?? { rate: 0, cpu: Number.POSITIVE_INFINITY, server: Number.POSITIVE_INFINITY };
        // The first round only warms up.
        if (round === 0) continue;
        best.set(name, {
          rate: Math.max(known.rate, ops / seconds),
          cpu: Math.min(known.cpu, cpuMicros / ops),
          server: Math.min(known.server, server / ops),
        });
      }
    }
    for (const [name, { rate, cpu, server }] of best) {
      const figures = `${Math.round(rate).toLocaleString('en').padStart(9)} ${cpu.toFixed(2).padStart(18)} ${server.toFixed(2).padStart(18)}`;
      console.log(`${name.padEnd(13)} ${String(inFlight).padStart(9)} ${figures}`);
    }
  }
  if (process.env.BENCH_STATS) console.log(bus.stats());
  await bus.close();
  await connection.close();
  child.disconnect();
  await nats.stop();
}

function cpuMicrosSince(start) {
  const { user, system } = process.cpuUsage(start);
  return user + system;
}

function cpuOf(child) {
  return new Promise((resolve) => {
    child.once('message', resolve);
    child.send('cpu');
  });
}

function measure(ask, inFlight, forMs) {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const cpu = process.cpuUsage();
    let ops = 0;
    let running = inFlight;
    const done = (error) => {
      if (error) return reject(error);
      ops++;
      const elapsedMs = performance.now() - startedAt;
      if (elapsedMs < forMs) return ask(done);
      if (--running > 0) return;
      resolve({ ops, seconds: elapsedMs / 1000, cpuMicros: cpuMicrosSince(cpu) });
    };
    for (let i = 0; i < inFlight; i++) ask(done);
  });
}

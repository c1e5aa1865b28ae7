// CPU of both ends of a request over `memoryBus`: pack, frame, read, check, dispatch, reply; a read and a write of 1 KiB, 64 in flight.
// Run: npm run build --workspace @ringfort/bus && node packages/bus/bench/inprocess.bench.mjs [index.js of each build to compare]
import { z } from 'zod';

const rounds = Number(process.env.BENCH_ROUNDS ?? 7);
const ops = Number(process.env.BENCH_OPS ?? 60_000);
const given = process.argv.slice(2).map((path) => new URL(path, `file://${process.cwd()}/`).href);
const paths = given.length > 0 ? given : [new URL('../dist/index.js', import.meta.url).href];

const id = {
  partition: z.int().min(0).max(65535),
  bucket: z.string().min(1).max(128),
  key: z.string().min(1).max(1024),
};
const bytes = z.instanceof(Uint8Array);
const digest = z.string().length(16);
const schemas = {
  read: {
    request: z.object({ ...id, have: digest.optional(), standIn: z.boolean().optional() }),
    reply: z.object({ digest: digest.optional(), object: bytes.optional() }),
  },
  write: {
    request: z.object({
      ...id,
      object: bytes,
      sync: z.boolean().optional(),
      owedTo: z.array(z.string()).max(16).optional(),
    }),
    reply: z.object({ digest, durable: z.boolean(), merged: bytes.optional() }),
  },
};
const object = new Uint8Array(1024).fill(7);
const bodies = {
  read: [
    { partition: 171, bucket: 'users', key: 'user:4711' },
    { digest: '0123456789abcdef', object },
  ],
  write: [
    { partition: 171, bucket: 'users', key: 'user:4711', object },
    { digest: '0123456789abcdef', durable: true },
  ],
};

async function prepare(path) {
  const { defineContract, memoryBus, memoryNetwork } = await import(path);
  const network = memoryNetwork();
  const node = memoryBus({ network, cluster: 'bench', self: 'node.n1' });
  const client = memoryBus({ network, cluster: 'bench', self: 'client.c1' });
  const runs = {};
  for (const [name, schema] of Object.entries(schemas)) {
    const contract = defineContract({ verb: `replica.${name}`, ...schema });
    const [question, answer] = bodies[name];
    node.serve('node.n1.storage', contract, () => answer);
    runs[name] = (done) => client.call('node.n1.storage', contract, question, { timeoutMs: 2000, barrier: 7 }, done);
    const later = defineContract({ verb: `replica.${name}.later`, ...schema });
    node.serve('node.n1.storage', later, async () => answer);
    runs[`${name}, promise`] = (done) =>
      client.call('node.n1.storage', later, question, { timeoutMs: 2000, barrier: 7 }, done);
  }
  return { path, runs };
}

function measure(ask, count) {
  return new Promise((resolve, reject) => {
    const cpu = process.cpuUsage();
    let left = count;
    let running = 64;
    const done = (error) => {
      if (error) return reject(error);
      if (left-- > 0) return ask(done);
      if (--running > 0) return;
      const { user, system } = process.cpuUsage(cpu);
      resolve((user + system) / count);
    };
    for (let i = 0; i < 64; i++) ask(done);
  });
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const only = process.env.BENCH_ONLY;
const builds = await Promise.all(paths.map(prepare));
console.log(`median of ${rounds} rounds of ${ops} operations, CPU us per operation, both ends`);
for (const name of Object.keys(builds[0].runs)) {
  if (only !== undefined && only !== name) continue;
  const costs = builds.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, build] of builds.entries()) {
      const cost = await measure(build.runs[name], ops);
      if (round > 0) costs[index].push(cost);
    }
  }
  console.log(name.padEnd(16), ...costs.map((values) => median(values).toFixed(2).padStart(8)));
}
process.exit(0);

// A process of its own that opens a store: `node child.mjs <directory> <durability> <hold|write>`. Writes until it is killed, many at a
// time, and names on its standard output every write that was acknowledged.
import { join } from 'node:path';
import { runnerImport } from 'vite';

const [directory, durability, what] = process.argv.slice(2);
const root = join(import.meta.dirname, '../..');
const load = async (path) => {
  const conditions = ['ringfort-source'];
  const config = {
    root,
    configFile: false,
    logLevel: 'error',
    resolve: { conditions },
    ssr: { resolve: { conditions } },
  };
  return (await runnerImport(join(root, path), config)).module;
};
const { openLmdbStore } = await load('src/index.ts');
const { blind, bytesOf } = await load('test/support/objects.ts');

try {
  const store = await openLmdbStore({ directory, durability, checkpointBytes: 64 * 1024 });
  process.stdout.write('open\n');
  setInterval(() => {}, 60_000);
  if (what === 'write') {
    let next = 0;
    const worker = async () => {
      for (;;) {
        const n = next++;
        const id = { partition: n % 4, bucket: 'b', key: `k${n % 500}` };
        const bytes = bytesOf(blind(`a-${n.toString(36)}`, 1, n < 500 ? 'x'.repeat(500) : String(n)));
        if (n % 10 === 0) await store.writeHint(id, bytes, ['n2']);
        else await store.write(id, bytes);
        process.stdout.write(`${n}\n`);
      }
    };
    for (let i = 0; i < 16; i++) worker();
  }
} catch (error) {
  process.stdout.write(`${error.code}\n`);
  process.exit(1);
}

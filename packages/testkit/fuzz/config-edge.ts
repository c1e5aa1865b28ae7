import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeConfigSchema } from '../../../apps/node/src/config.ts';
import { loadConfig, settings } from '../../../apps/node/src/config-sources.ts';
import type { SeededRandom } from '../src/index.ts';
import { check, type Edge, judged } from './edge.ts';
import { mutated } from './mutate.ts';

const token = { token: '0123456789abcdef', rights: ['read', 'write'] };
const examples: Readonly<Record<string, string>> = {
  id: 'n1',
  cluster: 'ringfort',
  nats: 'nats://127.0.0.1:4222,tls://b:4222',
  seeds: 'n1,n2,n3',
  http: '127.0.0.1:7001',
  weight: '1.5',
  partitions: '256',
  durability: 'fsync',
  'limits.valueBytes': '4096',
  timeoutMs: '2000',
  tokens: JSON.stringify([token]),
  logLevel: 'warn',
};
const file = {
  id: 'n1',
  nats: ['nats://127.0.0.1:4222'],
  natsAuth: { user: 'u', pass: 'p' },
  seeds: ['n1', 'n2'],
  http: '[::1]:7001',
  limits: { keyBytes: 100, siblings: 9 },
  tokens: [token],
};

/** A node's settings: by its flags, its environment, its file. */
export class ConfigEdge implements Edge {
  readonly name = 'config';
  readonly share = 3;
  readonly #directory = mkdtempSync(join(tmpdir(), 'ringfort-fuzz-config-'));

  make(random: SeededRandom) {
    if (random.chance(0.3)) {
      const text = Buffer.from(JSON.stringify(file));
      return { to: 'file', parts: [mutated(random, text, text)] };
    }
    const path = random.pick(settings).path;
    const [text, other] = [examples[path] ?? 'x', random.pick(Object.values(examples))].map((value) =>
      Buffer.from(value),
    );
    return { to: `${random.pick(['flag', 'env'])} ${path}`, parts: [mutated(random, text!, other!)] };
  }

  feed({ to, parts: [bytes] }: { to: string; parts: readonly Buffer[] }): string {
    const [way, path] = to.split(' ') as [string, string | undefined];
    const read = judged(['INVALID_CONFIG'], () => loadConfig(this.#sources(way, path, bytes!)));
    if ('code' in read) return read.code;
    check(nodeConfigSchema.safeParse(read.value).success, `no configuration: ${JSON.stringify(read.value)}`);
    return 'accepted';
  }

  async close(): Promise<void> {
    rmSync(this.#directory, { recursive: true });
  }

  #sources(way: string, path: string | undefined, bytes: Buffer) {
    if (way === 'file') {
      const name = join(this.#directory, 'node.json');
      writeFileSync(name, bytes);
      return { file: name };
    }
    const text = bytes.toString();
    if (way === 'flag') return { flags: { id: 'n1', [path!]: text } };
    const { env } = settings.find((setting) => setting.path === path)!;
    return { env: { RINGFORT_ID: 'n1', [env]: text } };
  }
}

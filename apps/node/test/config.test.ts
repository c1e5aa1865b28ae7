import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { nodeConfigSchema, parseListen } from '../src/config.ts';
import { type ConfigSources, loadConfig, settings } from '../src/config-sources.ts';

const directory = mkdtempSync(join(tmpdir(), 'ringfort-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

function file(content: unknown): string {
  const path = join(directory, `${Math.abs(JSON.stringify(content).length)}-${files++}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}
let files = 0;

function refusal(sources: ConfigSources): string {
  try {
    loadConfig(sources);
  } catch (error) {
    expect(error).toMatchObject({ name: 'InvalidConfigError', code: 'INVALID_CONFIG' });
    return (error as Error).message;
  }
  throw new Error('the configuration was accepted');
}

describe('a configuration', () => {
  it('has a default for everything but the id', () => {
    expect(loadConfig({ flags: { id: 'n1' } })).toEqual({
      id: 'n1',
      cluster: 'ringfort',
      nats: ['nats://127.0.0.1:4222'],
      seeds: [],
      http: '127.0.0.1:7001',
      zone: 'default',
      weight: 1,
      partitions: 256,
      durability: 'fsync',
      limits: { valueBytes: 524288, keyBytes: 1024, siblings: 64, inFlight: 4096, hintBytes: 268435456 },
      antiEntropyIntervalSeconds: 60,
      transferMebibytesPerSecond: 16,
      collectIntervalSeconds: 0,
      scrubIntervalSeconds: 604_800,
      timeoutMs: 2000,
      tokens: [],
      logLevel: 'warn',
    });
  });

  it('takes flags before environment before file before defaults, member by member', () => {
    const path = file({ id: 'file', zone: 'file', weight: 2, limits: { siblings: 5, keyBytes: 100 } });
    const env = { RINGFORT_ID: 'env', RINGFORT_ZONE: 'env', RINGFORT_MAX_SIBLINGS: '7', RINGFORT_NATS_USER: '' };
    const config = loadConfig({ file: path, env, flags: { id: 'flag' } });
    expect(config).toMatchObject({ id: 'flag', zone: 'env', weight: 2, cluster: 'ringfort' });
    expect(config.limits).toMatchObject({ siblings: 7, keyBytes: 100, valueBytes: 524288 });
    expect(config.natsAuth).toBeUndefined();
  });

  it('reads lists, numbers and JSON from text', () => {
    const env = {
      RINGFORT_ID: 'n1',
      RINGFORT_NATS: 'nats://a:1, b:2',
      RINGFORT_SEEDS: 'n1,n2,',
      RINGFORT_WEIGHT: '1.5',
      RINGFORT_TOKENS: '[{"token":"0123456789abcdef","rights":["read"]}]',
      RINGFORT_NATS_USER: 'u',
      RINGFORT_NATS_PASS: 'p',
    };
    expect(loadConfig({ env })).toMatchObject({
      nats: ['nats://a:1', 'b:2'],
      seeds: ['n1', 'n2'],
      weight: 1.5,
      tokens: [{ token: '0123456789abcdef', rights: ['read'] }],
      natsAuth: { user: 'u', pass: 'p' },
    });
    expect(loadConfig({ env: { RINGFORT_ID: 'n1', RINGFORT_NATS: 'embedded' } }).nats).toBe('embedded');
  });

  it('comes back equal from a file that was written from it', () => {
    const config = loadConfig({ flags: { id: 'n1', seeds: 'n1,n2', http: 'off' } });
    expect(loadConfig({ file: file(config) })).toEqual(config);
  });
});

describe('a wrong configuration', () => {
  it.each<[string, ConfigSources, string[]]>([
    ['a missing id', {}, ['id: ', 'missing', '--id', 'RINGFORT_ID', '"id" in the --config file']],
    ['a wrong flag', { flags: { id: 'n 1' } }, ['id (flag --id): a node id is']],
    [
      'a wrong number in the environment',
      { flags: { id: 'a' }, env: { RINGFORT_WEIGHT: 'heavy' } },
      ['weight (environment RINGFORT_WEIGHT): '],
    ],
    ['an empty list', { flags: { id: 'a', nats: ',' } }, ['nats (flag --nats)']],
    [
      'no power of two',
      { flags: { id: 'a', partitions: '100' } },
      ['partitions (flag --partitions): expected a power of two'],
    ],
    [
      'a value limit beyond a frame',
      { flags: { id: 'a', 'limits.valueBytes': '1000000' } },
      ['limits.valueBytes (flag --max-value-bytes)'],
    ],
    ['a wrong address', { flags: { id: 'a', http: '7001' } }, ['http (flag --http): expected host:port']],
    [
      'two ways to log in at NATS',
      { flags: { id: 'a', 'natsAuth.credsFile': 'f' }, env: { RINGFORT_NATS_TOKEN: 't' } },
      ['natsAuth', 'one way only'],
    ],
    ['a user without a password', { flags: { id: 'a', 'natsAuth.user': 'u' } }, ['user and pass together']],
    [
      'tokens that are no JSON',
      { flags: { id: 'a' }, env: { RINGFORT_TOKENS: '[' } },
      ['tokens (environment RINGFORT_TOKENS)'],
    ],
    [
      'a short token',
      { flags: { id: 'a' }, env: { RINGFORT_TOKENS: '[{"token":"x","rights":[]}]' } },
      ['at least 16 characters', 'at least one of'],
    ],
    [
      'a durability that is none',
      { flags: { id: 'a', durability: 'never' } },
      ['durability (flag --durability)', '"fsync"'],
    ],
  ])('%s is named with its source and what to do', (_name, sources, parts) => {
    const message = refusal(sources);
    for (const part of parts) expect(message).toContain(part);
  });

  it('names the file that is missing, damaged, no object, or holds unknown settings', () => {
    expect(refusal({ file: join(directory, 'none.json') })).toContain('none.json: ENOENT');
    expect(refusal({ file: file('{') })).toContain('cannot read the configuration file');
    expect(refusal({ file: file([]) })).toContain('must hold one JSON object');
    const message = refusal({ file: file({ id: 'a', wieght: 1, limits: { keys: 2 } }) });
    expect(message).toMatch(/wieght \(file .*\): is no setting/);
    expect(message).toMatch(/limits\.keys \(file .*\): is no setting/);
  });

  it('lists every problem at once', () => {
    expect(refusal({ flags: { id: '', weight: '0', zone: '!' } }).split('\n')).toHaveLength(4);
  });

  it('throws nothing else, whatever the text', () => {
    const names = settings.map(({ env }) => env);
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), fc.string()), (env) => {
        try {
          nodeConfigSchema.parse(loadConfig({ env }));
        } catch (error) {
          expect(error).toMatchObject({ code: 'INVALID_CONFIG' });
        }
      }),
    );
  });
});

describe('an address to listen on', () => {
  it.each([
    ['127.0.0.1:7001', { host: '127.0.0.1', port: 7001 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    ['[::1]:7001', { host: '::1', port: 7001 }],
    ['::1:7001', undefined],
    ['host:65536', undefined],
    ['host:', undefined],
    [':7001', undefined],
    ['http://host:1', undefined],
  ])('%s', (text, expected) => {
    expect(parseListen(text)).toEqual(expected);
  });
});

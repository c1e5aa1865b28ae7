import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { type NodeConfig, nodeConfigSchema } from './config.ts';
import { InvalidConfigError } from './errors.ts';

type Kind = 'text' | 'number' | 'list' | 'json';

/** One setting of a node as the command line and the environment name it. */
export interface Setting {
  /** Its place in the configuration: `limits.valueBytes`. */
  readonly path: string;
  /** Absent for secrets: a command line is seen by every user of the machine. */
  readonly flag?: string;
  readonly argument?: string;
  readonly env: string;
  readonly kind: Kind;
  readonly help: string;
}

/** Every setting; flags, environment and help are made from this table. */
export const settings: readonly Setting[] = [
  {
    path: 'id',
    flag: '--id',
    argument: '<id>',
    env: 'RINGFORT_ID',
    kind: 'text',
    help: 'id of the node, unique in the cluster',
  },
  {
    path: 'cluster',
    flag: '--cluster',
    argument: '<name>',
    env: 'RINGFORT_CLUSTER',
    kind: 'text',
    help: 'name of the cluster (default: ringfort)',
  },
  {
    path: 'nats',
    flag: '--nats',
    argument: '<urls>',
    env: 'RINGFORT_NATS',
    kind: 'list',
    help: 'NATS servers, comma-separated (default: nats://127.0.0.1:4222)',
  },
  {
    path: 'natsAuth.user',
    flag: '--nats-user',
    argument: '<user>',
    env: 'RINGFORT_NATS_USER',
    kind: 'text',
    help: 'user at NATS',
  },
  { path: 'natsAuth.pass', env: 'RINGFORT_NATS_PASS', kind: 'text', help: 'password at NATS' },
  { path: 'natsAuth.token', env: 'RINGFORT_NATS_TOKEN', kind: 'text', help: 'token at NATS' },
  { path: 'natsAuth.nkeySeed', env: 'RINGFORT_NATS_NKEY_SEED', kind: 'text', help: 'nkey seed at NATS' },
  {
    path: 'natsAuth.credsFile',
    flag: '--nats-creds',
    argument: '<file>',
    env: 'RINGFORT_NATS_CREDS',
    kind: 'text',
    help: 'credentials file for NATS',
  },
  {
    path: 'tls.caFile',
    flag: '--tls-ca',
    argument: '<file>',
    env: 'RINGFORT_TLS_CA',
    kind: 'text',
    help: 'PEM of the authority that signed the NATS certificate',
  },
  {
    path: 'tls.certFile',
    flag: '--tls-cert',
    argument: '<file>',
    env: 'RINGFORT_TLS_CERT',
    kind: 'text',
    help: 'PEM of the client certificate for NATS',
  },
  {
    path: 'tls.keyFile',
    flag: '--tls-key',
    argument: '<file>',
    env: 'RINGFORT_TLS_KEY',
    kind: 'text',
    help: 'PEM of its key',
  },
  {
    path: 'seeds',
    flag: '--seeds',
    argument: '<ids>',
    env: 'RINGFORT_SEEDS',
    kind: 'list',
    help: 'ids of the nodes that found the cluster together, comma-separated',
  },
  {
    path: 'data',
    flag: '--data',
    argument: '<dir>',
    env: 'RINGFORT_DATA',
    kind: 'text',
    help: 'directory of the store (default: .ringfort/nodes/<id>/data)',
  },
  {
    path: 'http',
    flag: '--http',
    argument: '<host:port>',
    env: 'RINGFORT_HTTP',
    kind: 'text',
    help: 'where to serve HTTP, or off (default: 127.0.0.1:7001)',
  },
  {
    path: 'zone',
    flag: '--zone',
    argument: '<zone>',
    env: 'RINGFORT_ZONE',
    kind: 'text',
    help: 'failure zone; replicas are spread over zones',
  },
  {
    path: 'weight',
    flag: '--weight',
    argument: '<number>',
    env: 'RINGFORT_WEIGHT',
    kind: 'number',
    help: 'share of the data, relative to the other nodes (default: 1)',
  },
  {
    path: 'partitions',
    flag: '--partitions',
    argument: '<q>',
    env: 'RINGFORT_PARTITIONS',
    kind: 'number',
    help: 'partitions of the cluster, a power of two, fixed at its founding (default: 256)',
  },
  {
    path: 'durability',
    flag: '--durability',
    argument: '<mode>',
    env: 'RINGFORT_DURABILITY',
    kind: 'text',
    help: 'fsync: answer when on disk; interval: sync within 100 ms (default: fsync)',
  },
  {
    path: 'limits.valueBytes',
    flag: '--max-value-bytes',
    argument: '<n>',
    env: 'RINGFORT_MAX_VALUE_BYTES',
    kind: 'number',
    help: 'bytes of a value (default: 524288)',
  },
  {
    path: 'limits.keyBytes',
    flag: '--max-key-bytes',
    argument: '<n>',
    env: 'RINGFORT_MAX_KEY_BYTES',
    kind: 'number',
    help: 'bytes of a key (default: 1024)',
  },
  {
    path: 'limits.siblings',
    flag: '--max-siblings',
    argument: '<n>',
    env: 'RINGFORT_MAX_SIBLINGS',
    kind: 'number',
    help: 'siblings of a key beyond which puts are refused (default: 64)',
  },
  {
    path: 'limits.inFlight',
    flag: '--max-in-flight',
    argument: '<n>',
    env: 'RINGFORT_MAX_IN_FLIGHT',
    kind: 'number',
    help: 'requests under way at once (default: 4096)',
  },
  {
    path: 'limits.hintBytes',
    flag: '--max-hint-bytes',
    argument: '<n>',
    env: 'RINGFORT_MAX_HINT_BYTES',
    kind: 'number',
    help: 'bytes of hints per node they are owed to (default: 268435456)',
  },
  {
    path: 'antiEntropyIntervalSeconds',
    flag: '--anti-entropy-interval',
    argument: '<seconds>',
    env: 'RINGFORT_ANTI_ENTROPY_INTERVAL',
    kind: 'number',
    help: 'how often replicas are compared and made equal; 0: never (default: 60)',
  },
  {
    path: 'transferMebibytesPerSecond',
    flag: '--transfer-rate',
    argument: '<MiB/s>',
    env: 'RINGFORT_TRANSFER_RATE',
    kind: 'number',
    help: 'MiB per second of partitions that move, less while requests are slow; 0: no limit (default: 16)',
  },
  {
    path: 'collectIntervalSeconds',
    flag: '--collect-interval',
    argument: '<seconds>',
    env: 'RINGFORT_COLLECT_INTERVAL',
    kind: 'number',
    help: 'how often what was deleted or has expired is collected, for example 300; 0: never (default: 0)',
  },
  {
    path: 'scrubIntervalSeconds',
    flag: '--scrub-interval',
    argument: '<seconds>',
    env: 'RINGFORT_SCRUB_INTERVAL',
    kind: 'number',
    help: 'how often the store is read through, so that rot is found and mended; 0: only when asked (default: 604800)',
  },
  {
    path: 'timeoutMs',
    flag: '--timeout-ms',
    argument: '<ms>',
    env: 'RINGFORT_TIMEOUT_MS',
    kind: 'number',
    help: 'default deadline of a request (default: 2000)',
  },
  {
    path: 'tokens',
    env: 'RINGFORT_TOKENS',
    kind: 'json',
    help: 'bearer tokens of the HTTP interface: [{"token":"...","rights":["read","write","admin"]}]',
  },
  {
    path: 'logLevel',
    flag: '--log-level',
    argument: '<level>',
    env: 'RINGFORT_LOG_LEVEL',
    kind: 'text',
    help: 'silent, fatal, error, warn, info, debug, trace (default: warn)',
  },
];

export interface ConfigSources {
  /** By setting path, as typed. */
  readonly flags?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Path of a JSON file. */
  readonly file?: string | undefined;
}

/**
 * Merges flags over environment over file over defaults and checks the whole.
 * @throws {InvalidConfigError} naming each wrong field, the source of its value and what to do
 */
export function loadConfig(sources: ConfigSources): NodeConfig {
  const merged: Record<string, unknown> = {};
  const origins = new Map<string, string>();
  if (sources.file !== undefined) layFile(merged, origins, sources.file);
  for (const setting of settings) {
    const text = sources.env?.[setting.env];
    if (text !== undefined && text !== '') lay(merged, origins, setting, text, `environment ${setting.env}`);
  }
  for (const setting of settings) {
    const text = sources.flags?.[setting.path];
    if (text !== undefined) lay(merged, origins, setting, text, `flag ${setting.flag ?? setting.path}`);
  }
  const checked = nodeConfigSchema.safeParse(merged);
  if (checked.success) return checked.data;
  throw invalid(checked.error.issues, origins);
}

function layFile(merged: Record<string, unknown>, origins: Map<string, string>, file: string): void {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new InvalidConfigError(`cannot read the configuration file ${file}: ${why}`, { file }, cause);
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new InvalidConfigError(`the configuration file ${file} must hold one JSON object`, { file });
  }
  for (const [name, value] of Object.entries(content)) {
    merged[name] = value;
    origins.set(name, `file ${file}`);
  }
}

function lay(
  merged: Record<string, unknown>,
  origins: Map<string, string>,
  setting: Setting,
  text: string,
  origin: string,
): void {
  const [head = '', member] = setting.path.split('.');
  const value = parseText(setting.path === 'nats' && text === 'embedded' ? 'text' : setting.kind, text);
  if (member === undefined) merged[head] = value;
  else merged[head] = { ...(merged[head] as Record<string, unknown> | undefined), [member]: value };
  origins.set(setting.path, origin);
}

function parseText(kind: Kind, text: string): unknown {
  if (kind === 'list') {
    return text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  }
  if (kind === 'number') return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text);
  if (kind !== 'json') return text;
  try {
    return JSON.parse(text);
  } catch {
    return text; // not JSON: the schema refuses the text by name
  }
}

function invalid(issues: readonly z.core.$ZodIssue[], origins: ReadonlyMap<string, string>): InvalidConfigError {
  const lines = issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) =>
          describe([...issue.path, key].join('.'), 'is no setting: remove it, or correct its name', origins),
        )
      : [describe(issue.path.join('.'), sentence(issue), origins)],
  );
  return new InvalidConfigError(`the configuration is not valid:\n${lines.map((line) => `  ${line}`).join('\n')}`, {
    problems: lines,
  });
}

function sentence(issue: z.core.$ZodIssue): string {
  return issue.message.replace(/^Invalid (input|option|string): /, '').replace(/received undefined$/, 'it is missing');
}

function describe(path: string, what: string, origins: ReadonlyMap<string, string>): string {
  const origin = originOf(path, origins);
  const setting = settings.find((candidate) => candidate.path === path || path.startsWith(`${candidate.path}.`));
  const ways =
    setting === undefined ? [] : [setting.flag, setting.env, `"${setting.path}" in the --config file`].filter(Boolean);
  return `${path}${origin === undefined ? '' : ` (${origin})`}: ${what}${ways.length === 0 ? '' : `; set it with ${ways.join(', ')}`}`;
}

/** The source of the value at a path, or of the nearest thing around it. */
function originOf(path: string, origins: ReadonlyMap<string, string>): string | undefined {
  for (let at = path; at !== ''; at = at.includes('.') ? at.slice(0, at.lastIndexOf('.')) : '') {
    const origin = origins.get(at);
    if (origin !== undefined) return origin;
  }
  return undefined;
}

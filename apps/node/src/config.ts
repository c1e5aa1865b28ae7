import { nodeIdSchema, zoneSchema } from '@ringfort/ring/contract';
import { z } from 'zod';

/** What a bearer token may do: `read` (get, keys, cluster, metrics), `write` (put, delete), `admin` (bucket settings). */
export const rightSchema = z.enum(['read', 'write', 'admin']);
export type Right = z.infer<typeof rightSchema>;

const tokenSchema = z.strictObject({
  token: z
    .string()
    .regex(/^[A-Za-z0-9._~+/=-]+$/, 'expected the characters of RFC 6750: letters, digits and ._~+/=-')
    .min(16, 'expected at least 16 characters'),
  rights: z.array(rightSchema).min(1, 'expected at least one of read, write, admin'),
});
export type TokenConfig = z.infer<typeof tokenSchema>;

const natsUrlSchema = z
  .string()
  .regex(/^((nats|tls):\/\/)?[^\s/]+$/, 'expected host:port, nats://host:port or tls://host:port');
const listenSchema = z
  .string()
  .refine(
    (text) => text === 'off' || parseListen(text) !== undefined,
    'expected host:port (port 0 to 65535; [::1]:7001 for IPv6) or off',
  );

/** Bounds of a node; each is checked at the edge with a named error. */
export const limitsSchema = z.strictObject({
  /** Bytes of a value. Not above 768 KiB: an object travels with its siblings below NATS's payload limit of 1 MiB. */
  valueBytes: z.int().min(1).max(786_432).default(524_288),
  keyBytes: z.int().min(1).max(1024).default(1024),
  siblings: z.int().min(1).max(1024).default(64),
  /** Requests under way at once. */
  inFlight: z.int().min(1).max(65_536).default(4096),
  /** Bytes of hints per node that they are owed to. */
  hintBytes: z.int().min(0).default(268_435_456),
});
export type NodeLimits = z.infer<typeof limitsSchema>;

export const logLevelSchema = z.enum(['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace']);

/** One node's configuration, as it stands in `node.json`. */
export const nodeConfigSchema = z.strictObject({
  id: nodeIdSchema,
  cluster: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'expected 1 to 64 letters, digits, "-" or "_"')
    .default('ringfort'),
  /** Servers, or `embedded`: the in-process bus of a `ringfort dev --embedded`. */
  nats: z.union([z.literal('embedded'), z.array(natsUrlSchema).min(1)]).default(['nats://127.0.0.1:4222']),
  natsAuth: z
    .strictObject({
      user: z.string().min(1).optional(),
      pass: z.string().optional(),
      token: z.string().min(1).optional(),
      nkeySeed: z.string().min(1).optional(),
      credsFile: z.string().min(1).optional(),
    })
    .refine(
      (auth) => [auth.user, auth.token, auth.nkeySeed, auth.credsFile].filter((way) => way !== undefined).length <= 1,
      'expected one way only: user and pass, token, nkeySeed, or credsFile',
    )
    .refine((auth) => (auth.user === undefined) === (auth.pass === undefined), 'expected user and pass together')
    .optional(),
  tls: z
    .strictObject({
      caFile: z.string().min(1).optional(),
      certFile: z.string().min(1).optional(),
      keyFile: z.string().min(1).optional(),
    })
    .refine(
      (tls) => (tls.certFile === undefined) === (tls.keyFile === undefined),
      'expected certFile and keyFile together',
    )
    .optional(),
  /** Ids of the nodes that found the cluster together; the same list at each of them. Empty: a cluster of this node alone. */
  seeds: z.array(nodeIdSchema).max(256).default([]),
  /** Directory of the store; relative to where the node is started. */
  data: z.string().min(1).optional(),
  http: listenSchema.default('127.0.0.1:7001'),
  zone: zoneSchema.default('default'),
  weight: z.number().positive().max(1000).default(1),
  partitions: z
    .int()
    .min(8)
    .max(65_536)
    .refine((q) => (q & (q - 1)) === 0, 'expected a power of two')
    .default(256),
  durability: z.enum(['fsync', 'interval']).default('fsync'),
  limits: limitsSchema.prefault({}),
  /** How often each pair of replicas is compared, so that they become equal without reads; 0: never. */
  antiEntropyIntervalSeconds: z.number().min(0).max(86_400).default(60),
  /** What partitions on their way to or from this node may take of the network, in each direction; 0: as fast as it goes. */
  transferMebibytesPerSecond: z.number().min(0).max(65_536).default(16),
  /** How often this node looks for what was deleted or has expired, to collect it; 0: never. */
  collectIntervalSeconds: z.number().min(0).max(86_400).default(0),
  /** How often each store reads all that it holds, so that rot is found before it is read; 0: only when asked. */
  scrubIntervalSeconds: z.number().min(0).max(2_000_000).default(604_800),
  /** Default deadline of a request. */
  timeoutMs: z.int().min(1).max(60_000).default(2000),
  tokens: z.array(tokenSchema).max(1024).default([]),
  logLevel: logLevelSchema.default('warn'),
});
export type NodeConfig = z.infer<typeof nodeConfigSchema>;
/** As it may be written: with everything left out that has a default. */
export type NodeConfigInput = z.input<typeof nodeConfigSchema>;

/** Where a node keeps its data when it is not told. */
export function dataDirectory(config: Pick<NodeConfig, 'id' | 'data'>): string {
  return config.data ?? `.ringfort/nodes/${config.id}/data`;
}

/** `host:port`, with an IPv6 host in brackets; undefined where it is neither. */
export function parseListen(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

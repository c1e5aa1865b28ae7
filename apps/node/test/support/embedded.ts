import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { memoryNetwork } from '@ringfort/bus';
import { untilMember } from '@ringfort/membership';
import { pino } from 'pino';
import { failureOf } from '../../src/cli/exit.ts';
import type { CommandIo } from '../../src/cli/io.ts';
import { run } from '../../src/cli/program.ts';
import { loadConfig } from '../../src/config-sources.ts';
import { type RunningNode, startNode } from '../../src/start-node.ts';

/** Nodes of one process, on a bus in memory, with stores on disk. */
export interface Embedded {
  readonly nodes: readonly RunningNode[];
  readonly url: string;
  /** Starts one more node: no member until it is added. Stopped with the others. */
  start(id: string): Promise<RunningNode>;
  stop(): Promise<void>;
}

/** Founds a cluster of nodes `<name>1`, `<name>2`, ... below a directory. */
export async function embedded(
  directory: string,
  name: string,
  count: number,
  flags: Readonly<Record<string, string>> = {},
): Promise<Embedded> {
  const network = memoryNetwork();
  const ids = Array.from({ length: count }, (_, i) => `${name}${i + 1}`);
  const common = { nats: 'embedded', http: '127.0.0.1:0', seeds: ids.join(','), partitions: '16', cluster: name };
  const log = pino({ level: 'silent' });
  const start = (id: string) =>
    startNode(loadConfig({ flags: { id, data: join(directory, id), ...common, ...flags } }), {
      network,
      processMetrics: false,
      log,
    });
  const nodes = await Promise.all(ids.map(start));
  await Promise.all(nodes.map((node) => untilMember(node.membership, 10_000)));
  return {
    nodes,
    url: nodes[0]!.httpUrl!,
    async start(id) {
      const node = await start(id);
      ids.push(id);
      nodes.push(node);
      return node;
    },
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()));
      for (const id of ids) rmSync(join(directory, id), { recursive: true });
    },
  };
}

export interface Told {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line as `main.ts` does. */
export async function ringfort(url: string, args: readonly string[], stdin?: string): Promise<Told> {
  const out: Buffer[] = [];
  const err: string[] = [];
  const io: CommandIo = {
    out: (bytes) => void out.push(Buffer.from(bytes as Uint8Array)),
    outTaken: async (bytes) => void out.push(Buffer.from(bytes as Uint8Array)),
    err: (line) => void err.push(line),
    stdinIsTty: stdin === undefined,
    readStdin: async () => Buffer.from(stdin ?? ''),
    question: async () => '',
    stdin: async function* () {
      const bytes = Buffer.from(stdin ?? '');
      // Cut anywhere, as a pipe does.
      for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
    },
    env: { RINGFORT_URL: url },
  };
  const told = (code: number) => ({ code, out: Buffer.concat(out).toString(), err: err.join('\n') });
  try {
    return told(await run(args, io));
  } catch (error) {
    const { line, exitCode } = failureOf(error);
    err.push(line);
    return told(exitCode);
  }
}

/** What a cluster holds of a bucket: per key the digests of the object at its owners, each once. */
export function digestsOf({ nodes }: Embedded, bucket: string): Map<string, string[]> {
  const held = new Map<string, Set<string>>();
  for (const { store, membership } of nodes)
    for (let partition = 0; partition < membership.ring.partitions; partition++)
      for (const { id, record } of store.fold({ partition, bucket }, { maxItems: 100_000, maxBytes: 1 << 30 }).items) {
        const digests = held.get(id.key) ?? new Set();
        held.set(id.key, digests.add(record!.digest));
      }
  return new Map([...held].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, digests]) => [key, [...digests]]));
}

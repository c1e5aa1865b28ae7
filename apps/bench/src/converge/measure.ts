import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsServer } from '@ringfort/nats-server';
import { z } from 'zod';
import { cpuMicroseconds } from '../cpu.ts';
import { BenchError } from '../errors.ts';
import type { Latency } from '../stats-core.ts';
import { type RunningNodes, startNodes } from '../targets/ringfort-nodes.ts';
import { startForeground } from './foreground.ts';

const NODES = 3;
const POLL_MS = 100;
/** Comparisons begin with the start, so this is how long equal replicas take to be known as such, at most. */
const INTERVAL_SECONDS = 5;
const FOREGROUND_MIN_MS = 15_000;

/** What making one replica equal to the others came to. */
export interface Convergence {
  /** From the readiness of all nodes until each pair of replicas was known to be equal. */
  readonly seconds: number;
  /** All that was published to nats-server meanwhile; with a foreground load, its messages too. */
  readonly wireBytes: number;
  readonly serverCpuSeconds: number;
  /** Objects that anti-entropy moved, and their bytes. */
  readonly objects: number;
  readonly objectBytes: number;
  /** From the start of a process until it was ready: the slowest. */
  readonly readyMs: number;
  readonly foreground: Latency | undefined;
}

export interface MeasureOptions {
  readonly dir: string;
  readonly nats: NatsServer;
  readonly rate: number;
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}

const varzSchema = z.object({ in_bytes: z.number() });

/** Starts the nodes, and follows their anti-entropy until all replicas are equal. */
export async function measure(options: MeasureOptions): Promise<Convergence> {
  const { dir, nats, rate, signal } = options;
  const flags = ['--durability', 'interval', '--anti-entropy-interval', String(INTERVAL_SECONDS)];
  const wireBefore = await wireBytes(nats);
  const nodes = await startNodes({ nodes: NODES, dir, natsUrl: nats.url, flags });
  try {
    const startMs = performance.now();
    const cpuBefore = cpuMicroseconds(nodes.pids);
    const load = rate === 0 ? undefined : await startForeground(nats.url, rate);
    const endMs = await converged(nodes, startMs, options);
    const moved = await movedBy(nodes);
    const wire = (await wireBytes(nats)) - wireBefore;
    const cpuUs = cpuMicroseconds(nodes.pids) - cpuBefore;
    if (load !== undefined)
      await sleep(Math.max(0, startMs + FOREGROUND_MIN_MS - performance.now()), undefined, { signal });
    return {
      seconds: (endMs - startMs) / 1_000,
      wireBytes: wire,
      serverCpuSeconds: cpuUs / 1e6,
      ...moved,
      readyMs: Math.max(...nodes.readyMs),
      foreground: await load?.stop(),
    };
  } finally {
    await nodes.stop();
  }
}

/** When each node had found each of its pairs equal since then. */
async function converged(nodes: RunningNodes, startMs: number, options: MeasureOptions): Promise<number> {
  const { timeoutSeconds, signal } = options;
  for (;;) {
    const askedMs = performance.now();
    const stalest = await Promise.all(nodes.urls.map((url) => metric(url, 'stalest_seconds')));
    const knownMs = askedMs - 1_000 * Math.max(...stalest);
    if (knownMs > startMs) return askedMs;
    if (askedMs - startMs > 1_000 * timeoutSeconds) {
      const message = `replicas were not equal within ${timeoutSeconds} s: allow more with --timeout`;
      throw new BenchError('BENCH_NOT_CONVERGED', message, { timeoutSeconds });
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}

async function movedBy({ urls }: RunningNodes): Promise<{ objects: number; objectBytes: number }> {
  const total = async (...names: readonly string[]) => {
    const counts = await Promise.all(urls.flatMap((url) => names.map((name) => metric(url, name))));
    return counts.reduce((sum, count) => sum + count, 0);
  };
  return {
    objects: await total('keys_sent_total', 'keys_received_total'),
    objectBytes: await total('bytes_sent_total', 'bytes_received_total'),
  };
}

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = new RegExp(`^ringfort_anti_entropy_${name}\\{[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1];
  if (found === undefined) throw new BenchError('BENCH_METRIC_MISSING', `${url}/metrics does not tell ${name}`);
  return Number(found);
}

async function wireBytes({ monitoringUrl }: NatsServer): Promise<number> {
  const answer = await fetch(`${monitoringUrl}/varz`);
  return varzSchema.parse(await answer.json()).in_bytes;
}

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { AntiEntropy, Collector, Scrub } from '@ringfort/anti-entropy';
import type { Clock } from '@ringfort/bus';
import type { Coordinator } from '@ringfort/coordinator';
import type { ServedStorage, Store } from '@ringfort/storage';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { LatencyCounts } from './foreground-latency.ts';
import { codeOf } from './http/problems.ts';
import type { Moving } from './moving.ts';
import { addMovingMetrics } from './moving-metrics.ts';
import { type HistogramSeries, PlainHistogram } from './plain-histogram.ts';

export type Verb = 'get' | 'put' | 'delete' | 'keys' | 'replicas';
/** By which way a request came in; one that is forwarded comes in at two nodes. */
export type Way = 'http' | 'bus';

/** What the gauges read when a scrape asks. */
export interface MetricSources {
  coordinator?: Coordinator | undefined;
  store?: Store | undefined;
  storage?: ServedStorage | undefined;
  antiEntropy?: AntiEntropy | undefined;
  moving?: Moving | undefined;
  collector?: Collector | undefined;
  scrub?: Scrub | undefined;
}

/** One node's metrics in its own registry, so that several nodes of a process do not mix. */
export interface NodeMetrics {
  /** Gauges read from here; filled as the node starts. */
  readonly sources: MetricSources;
  finished(verb: Verb, way: Way, durationMs: number, error?: unknown): void;
  siblingsSeen(count: number): void;
  /** Of all gets, puts and deletes since the start. */
  latencies(): LatencyCounts;
  /** Prometheus text format. */
  text(): Promise<string>;
  readonly contentType: string;
  close(): void;
}

/** Its event-loop metrics repeat what `addEventLoopLag` measures finely: no need to wake an idle process for them. */
const coarseMs = 100;
const latencyBucketsSeconds = [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.03, 0.06, 0.12, 0.3, 0.6, 1.2, 2.5];

const foreground: ReadonlySet<string> = new Set<Verb>(['get', 'put', 'delete']);

/** Makes the metrics of one node. `defaultMetrics`: those of the process too (memory, CPU, garbage collection). */
export function createMetrics(nodeId: string, options: { defaultMetrics: boolean }): NodeMetrics {
  const registry = new Registry();
  registry.setDefaultLabels({ node: nodeId });
  const registers = [registry];
  const sources: MetricSources = {};
  const { finished, latencies } = addRequestMetrics(registry);
  const siblings = new PlainHistogram({
    name: 'ringfort_siblings',
    help: 'Live siblings that a get returned',
    buckets: [0, 1, 2, 3, 4, 8, 16, 32, 64],
    registry,
  }).addSeries();
  addCoordinatorMetrics(registers, sources);
  addAntiEntropyMetrics(registers, sources);
  addMovingMetrics(registers, sources);
  addCollectorMetrics(registers, sources);
  addScrubMetrics(registers, sources);
  addStoreMetrics(registers, sources);
  addDiskFaultMetrics(registers, sources);
  const lag = addEventLoopLag(registers);
  if (options.defaultMetrics) collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: coarseMs });

  return {
    sources,
    finished,
    siblingsSeen: (count) => siblings.observe(count),
    latencies,
    text: () => registry.metrics(),
    contentType: registry.contentType,
    close() {
      lag.disable();
      registry.clear();
    },
  };
}

/** Requests, counted and timed. Every request comes here: it is counted in its series, found without a label being looked at. */
function addRequestMetrics(registry: Registry): Pick<NodeMetrics, 'finished' | 'latencies'> {
  const registers = [registry];
  const durations = new PlainHistogram({
    name: 'ringfort_request_duration_seconds',
    help: 'Latency of requests, by verb',
    buckets: latencyBucketsSeconds,
    registry,
  });
  new Counter({
    name: 'ringfort_requests_total',
    help: 'Requests that ended, by verb and way in',
    labelNames: ['verb', 'way'],
    registers,
    collect() {
      this.reset();
      for (const { labels, count } of durations.series) this.inc({ ...labels }, count);
    },
  });
  const errors = new Counter({
    name: 'ringfort_request_errors_total',
    help: 'Requests that failed, by verb and error code',
    labelNames: ['verb', 'way', 'code'],
    registers,
  });
  const series: Record<Way, Partial<Record<Verb, HistogramSeries>>> = { http: {}, bus: {} };
  const latencies = (): LatencyCounts => {
    const counts = new Float64Array(latencyBucketsSeconds.length + 1);
    for (const { labels, counts: own } of durations.series)
      if (foreground.has(labels.verb ?? '')) for (const [at, count] of own.entries()) counts[at]! += count;
    return { boundsSeconds: latencyBucketsSeconds, counts };
  };
  const finished: NodeMetrics['finished'] = (verb, way, durationMs, error) => {
    let one = series[way][verb];
    if (one === undefined) {
      one = durations.addSeries({ verb, way });
      series[way][verb] = one;
    }
    one.observe(durationMs / 1000);
    if (error !== undefined) errors.inc({ verb, way, code: codeOf(error) });
  };
  return { finished, latencies };
}

function addCoordinatorMetrics(registers: Registry[], sources: MetricSources): void {
  const stats = () => sources.coordinator?.stats();
  new Gauge({
    name: 'ringfort_requests_in_flight',
    help: 'Requests under way',
    registers,
    collect() {
      this.set(stats()?.inFlight ?? 0);
    },
  });
  const counters = [
    ['ringfort_read_repairs_total', 'Replicas brought up to date after a read', 'readRepairs'],
    ['ringfort_hints_written_total', 'Writes taken by stand-ins', 'hintsWritten'],
    ['ringfort_hints_delivered_total', 'Hints that their primary acknowledged', 'hintsDelivered'],
    ['ringfort_requests_forwarded_total', 'Requests handed to a replica of their key', 'forwarded'],
  ] as const;
  for (const [name, help, field] of counters) {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(stats()?.[field] ?? 0);
      },
    });
  }
}

function addCollectorMetrics(registers: Registry[], sources: MetricSources): void {
  const stats = () => sources.collector?.stats();
  new Gauge({
    name: 'ringfort_tombstones',
    help: 'Records that are to be collected, as last found in the partitions whose collections this node drives',
    registers,
    collect() {
      this.set(stats()?.tombstones ?? 0);
    },
  });
  const counters = [
    ['ringfort_collected_total', 'Tombstones and expired records collected, and clocks shortened', 'collected'],
    ['ringfort_collections_total', 'Collections that this node drove', 'collections'],
    ['ringfort_failed_collections_total', 'Collections that ended early', 'failedCollections'],
  ] as const;
  for (const [name, help, field] of counters) {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(stats()?.[field] ?? 0);
      },
    });
  }
}

function addAntiEntropyMetrics(registers: Registry[], sources: MetricSources): void {
  const stats = () => sources.antiEntropy?.stats();
  const counters = [
    ['rounds_total', 'Comparisons of all shared partitions with a peer', 'rounds'],
    ['failed_rounds_total', 'Comparisons that failed', 'failedRounds'],
    ['exchanges_total', 'Exchanges of a partition that this node began', 'exchanges'],
    ['failed_exchanges_total', 'Exchanges that ended early', 'failedExchanges'],
    ['keys_sent_total', 'Records sent to a peer that lacked them, or held others', 'keysSent'],
    ['keys_received_total', 'Records that a peer brought up to date here', 'keysReceived'],
    ['bytes_sent_total', 'Bytes of records sent', 'bytesSent'],
    ['bytes_received_total', 'Bytes of records received', 'bytesReceived'],
  ] as const;
  for (const [name, help, field] of counters) {
    new Counter({
      name: `ringfort_anti_entropy_${name}`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(stats()?.[field] ?? 0);
      },
    });
  }
  new Gauge({
    name: 'ringfort_unfilled_partitions',
    help: 'Partitions that are being filled from their other owners, after the loss of a store',
    registers,
    collect() {
      this.set(stats()?.unfilled ?? 0);
    },
  });
  new Gauge({
    name: 'ringfort_anti_entropy_stalest_seconds',
    help: 'How long ago the most stale pair of replicas was known to be equal',
    registers,
    collect() {
      this.set((stats()?.stalestMs ?? 0) / 1000);
    },
  });
}

function addScrubMetrics(registers: Registry[], sources: MetricSources): void {
  const stats = () => sources.scrub?.stats();
  const counters = [
    ['passes_total', 'Times that all that the store holds was read', 'passes'],
    ['bytes_total', 'Bytes of records that scrubs read', 'bytes'],
    ['corrupt_total', 'Records that scrubs could not read', 'corrupt'],
    ['healed_total', 'Of these, those that were made whole again', 'healed'],
  ] as const;
  for (const [name, help, field] of counters) {
    new Counter({
      name: `ringfort_scrub_${name}`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(stats()?.[field] ?? 0);
      },
    });
  }
  new Gauge({
    name: 'ringfort_scrub_unhealed',
    help: 'Corrupt records that wait for their other owners, or that nobody else holds',
    registers,
    collect() {
      this.set(stats()?.unhealed ?? 0);
    },
  });
}

function addStoreMetrics(registers: Registry[], sources: MetricSources): void {
  const labelNames = ['target'] as const;
  new Gauge({
    name: 'ringfort_hints_held',
    help: 'Hints held, by the node they are owed to',
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const { target, count } of sources.store?.hintStats() ?? []) this.set({ target }, count);
    },
  });
  new Gauge({
    name: 'ringfort_hints_held_bytes',
    help: 'Bytes of hints held, by the node they are owed to',
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const { target, bytes } of sources.store?.hintStats() ?? []) this.set({ target }, bytes);
    },
  });
  new Gauge({
    name: 'ringfort_records',
    help: 'Records held as a primary',
    registers,
    collect() {
      this.set(sources.store?.stats().records ?? 0);
    },
  });
  new Gauge({
    name: 'ringfort_store_bytes',
    help: 'Bytes of the store on disk',
    registers,
    collect() {
      this.set(sources.store?.stats().bytesOnDisk ?? 0);
    },
  });
}

function addDiskFaultMetrics(registers: Registry[], sources: MetricSources): void {
  new Gauge({
    name: 'ringfort_store_writable',
    help: '1 while the store takes writes; 0: read-only (the disk is full or failed), or closing',
    registers,
    collect() {
      this.set(sources.storage?.mode === 'serving' ? 1 : 0);
    },
  });
  new Counter({
    name: 'ringfort_corrupt_records_total',
    help: 'Records whose checksum did not match since the store was opened',
    registers,
    collect() {
      this.reset();
      this.inc(sources.store?.stats().corruptRecords ?? 0);
    },
  });
}

/** The lag of the event loop since the last scrape, in seconds: how late timers came. */
function addEventLoopLag(registers: Registry[]): IntervalHistogram {
  const resolutionMs = 20;
  const lag = monitorEventLoopDelay({ resolution: resolutionMs });
  lag.enable();
  new Gauge({
    name: 'ringfort_event_loop_lag_seconds',
    help: 'How late timers came since the last scrape',
    labelNames: ['quantile'],
    registers,
    collect() {
      const seconds = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - resolutionMs / 1000) || 0;
      this.set({ quantile: '0.5' }, seconds(lag.percentile(50)));
      this.set({ quantile: '0.99' }, seconds(lag.percentile(99)));
      this.set({ quantile: '1' }, seconds(lag.max));
      lag.reset();
    },
  });
  return lag;
}

/** The same coordinator, each call of it counted and timed. */
export function measured(coordinator: Coordinator, metrics: NodeMetrics, clock: Clock): Coordinator {
  async function timed<Reply>(verb: Verb, call: () => Promise<Reply>): Promise<Reply> {
    const startedMs = clock.monotonicMs();
    try {
      const reply = await call();
      metrics.finished(verb, 'http', clock.monotonicMs() - startedMs);
      return reply;
    } catch (error) {
      metrics.finished(verb, 'http', clock.monotonicMs() - startedMs, error);
      throw error;
    }
  }
  return {
    async get(request, options) {
      const reply = await timed('get', () => coordinator.get(request, options));
      metrics.siblingsSeen(reply.siblings.length);
      return reply;
    },
    put: (request, options) => timed('put', () => coordinator.put(request, options)),
    delete: (request, options) => timed('delete', () => coordinator.delete(request, options)),
    keys: (request, options) => timed('keys', () => coordinator.keys(request, options)),
    replicas: (request, options) => timed('replicas', () => coordinator.replicas(request, options)),
    operator: coordinator.operator,
    stats: () => coordinator.stats(),
    close: () => coordinator.close(),
  };
}

import { setTimeout as sleep } from 'node:timers/promises';
import { type History, recordHistory, type SeededRandom } from '@ringfort/testkit';
import { type Asked, type Door, RequestFailed, type Trace } from './doors.ts';

/** One request of a load, and what became of it. Times are of `performance.now()`. */
export interface Sample {
  readonly kind: 'get' | 'put';
  readonly via: Door['name'];
  readonly key: string;
  readonly trace: Trace;
  /** When it was due: latency counts from here, so that a stall is not left out (no coordinated omission). */
  readonly intendedMs: number;
  endMs?: number;
  outcome?: 'ok' | 'failed' | 'indeterminate';
  code?: string;
}

export interface LoadOptions {
  readonly doors: readonly Door[];
  readonly keys: readonly string[];
  readonly ratePerSecond: number;
  /** Without it, until `stop`. */
  readonly durationMs?: number;
  readonly random: SeededRandom;
  readonly history?: History;
  /** Sets its values apart from those of another load of the same history. */
  readonly name?: string;
  /** Of 1; half by default. */
  readonly putShare?: number;
}

export interface Load {
  readonly history: History;
  readonly samples: readonly Sample[];
  /** Those that have not ended. */
  readonly pending: ReadonlySet<Sample>;
  /** Resolves when the last request was sent. */
  readonly sent: Promise<void>;
  /** Sends no more; resolves when every request has ended, or rejects when some have not, long past any deadline. */
  finish(): Promise<readonly Sample[]>;
}

/** A get that the history is told of. */
export async function recordedGet(history: History, door: Door, key: string, trace?: Trace, asked?: Asked) {
  const found = await door.get(key, trace, asked);
  history.read(key, found.values, found.context);
  return found;
}

/** A put that the history is told of, whatever comes of it. */
export async function recordedPut(
  history: History,
  door: Door,
  key: string,
  value: string,
  context?: string,
  trace?: Trace,
  asked?: Asked,
): Promise<string> {
  const write = history.put(key, value, context);
  try {
    const next = await door.put(key, value, context, trace, asked);
    write.acknowledged(next);
    return next;
  } catch (error) {
    if (error instanceof RequestFailed && error.outcome === 'failed') write.failed();
    else write.indeterminate();
    throw error;
  }
}

/** Keeps in the sample what became of its request. */
async function ended(sample: Sample, request: Promise<unknown>): Promise<void> {
  try {
    await request;
    sample.outcome = 'ok';
  } catch (error) {
    const known = error instanceof RequestFailed;
    sample.outcome = known ? error.outcome : 'indeterminate';
    sample.code = known ? error.code : String(error);
  }
  sample.endMs = performance.now();
}

/** The same door, which tells the history and keeps a sample of every request: for those that a scenario makes one by one. */
export function recordedDoor(door: Door, history: History, samples: Sample[]): Door {
  const recorded = async <T>(kind: Sample['kind'], key: string, trace: Trace, request: Promise<T>): Promise<T> => {
    const sample: Sample = { kind, via: door.name, key, trace, intendedMs: performance.now() };
    samples.push(sample);
    await ended(sample, request);
    return request;
  };
  return {
    name: door.name,
    get: (key, trace = {}, asked) => recorded('get', key, trace, recordedGet(history, door, key, trace, asked)),
    put: (key, value, context, trace = {}, asked) =>
      recorded('put', key, trace, recordedPut(history, door, key, value, context, trace, asked)),
    close: () => door.close(),
  };
}

const TICK_MS = 2;
/** The deadline of a request is 2 s; beyond twice that it counts as never ended. */
const ENDED_WITHIN_MS = 5_000;

/**
 * Mixed gets and puts at a fixed rate, whatever comes of them (open loop), through all doors in turn. A put carries the context that was seen
 * last of its key, so that values are overwritten as applications do it; those sent at the same time become siblings.
 */
export function startLoad(options: LoadOptions): Load {
  const {
    doors,
    keys,
    ratePerSecond,
    durationMs = Number.POSITIVE_INFINITY,
    random,
    name = 'w',
    putShare = 0.5,
  } = options;
  const history = options.history ?? recordHistory();
  const contexts = new Map<string, string>();
  const samples: Sample[] = [];
  const pending = new Set<Sample>();
  const beginMs = performance.now();
  const total = Math.floor((durationMs * ratePerSecond) / 1000);
  let stopped = false;

  const carryOut = async ({ kind, key, trace }: Sample, door: Door, value: string) => {
    const context =
      kind === 'get'
        ? (await recordedGet(history, door, key, trace)).context
        : await recordedPut(history, door, key, value, contexts.get(key), trace);
    if (context !== undefined) contexts.set(key, context);
  };

  const launch = (intendedMs: number) => {
    const number = samples.length;
    const door = doors[number % doors.length]!;
    const kind = random.below(1_000) < putShare * 1_000 ? 'put' : 'get';
    const sample: Sample = { kind, via: door.name, key: keys[random.below(keys.length)]!, trace: {}, intendedMs };
    samples.push(sample);
    pending.add(sample);
    void ended(sample, carryOut(sample, door, `${name}${number}`)).then(() => pending.delete(sample));
  };

  const run = async () => {
    while (!stopped && samples.length < total) {
      const due = Math.min(total, Math.floor(((performance.now() - beginMs) * ratePerSecond) / 1000));
      while (samples.length < due) launch(beginMs + (samples.length * 1000) / ratePerSecond);
      await sleep(TICK_MS);
    }
  };
  const sent = run();

  return {
    history,
    samples,
    pending,
    sent,
    async finish() {
      stopped = true;
      await sent;
      const lateMs = performance.now() + ENDED_WITHIN_MS;
      while (pending.size > 0 && performance.now() < lateMs) await sleep(TICK_MS);
      if (pending.size > 0)
        throw new Error(`${pending.size} requests never ended: ${JSON.stringify([...pending].slice(0, 3))}`);
      return samples;
    },
  };
}

export interface Figures {
  readonly requests: number;
  readonly ok: number;
  readonly failed: number;
  readonly indeterminate: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  /** The longest time without any success of one way in, while requests were made. */
  readonly longestGapMs: number;
}

/** What the samples say; failed requests count in the latencies as well. */
export function figuresOf(samples: readonly Sample[]): Figures {
  const latencies = samples.map(({ intendedMs, endMs }) => endMs! - intendedMs).sort((a, b) => a - b);
  const quantile = (q: number) =>
    latencies[Math.min(latencies.length - 1, Math.ceil(q * latencies.length) - 1)] ?? Number.NaN;
  const count = (outcome: Sample['outcome']) => samples.filter((sample) => sample.outcome === outcome).length;
  return {
    requests: samples.length,
    ok: count('ok'),
    failed: count('failed'),
    indeterminate: count('indeterminate'),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    p999Ms: quantile(0.999),
    maxMs: latencies.at(-1) ?? Number.NaN,
    longestGapMs: Math.max(0, ...[...new Set(samples.map(({ via }) => via))].map((via) => longestGapMs(samples, via))),
  };
}

function longestGapMs(all: readonly Sample[], via: Sample['via']): number {
  const samples = all.filter((sample) => sample.via === via);
  const successes = samples.filter(({ outcome }) => outcome === 'ok').map(({ endMs }) => endMs!);
  const times = [
    samples.reduce((first, { intendedMs }) => Math.min(first, intendedMs), Number.POSITIVE_INFINITY),
    ...successes.sort((a, b) => a - b),
    samples.reduce((last, { endMs }) => Math.max(last, endMs!), 0),
  ];
  return times.reduce((longest, at, index) => Math.max(longest, at - (times[index - 1] ?? at)), 0);
}

/** The slowest request of each second, in ms, by when it was due: tells where a run went wrong. */
export function slowestPerSecond(samples: readonly Sample[]): string {
  const beginMs = samples[0]?.intendedMs ?? 0;
  const slowest: number[] = [];
  for (const { intendedMs, endMs } of samples) {
    const second = Math.floor((intendedMs - beginMs) / 1000);
    slowest[second] = Math.max(slowest[second] ?? 0, Math.round(endMs! - intendedMs));
  }
  return slowest.join('/');
}

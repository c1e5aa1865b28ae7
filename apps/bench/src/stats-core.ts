/** The middle one; of an even number, the mean of the two in the middle. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Latencies in microseconds. */
export interface Latency {
  readonly count: number;
  readonly meanUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
}

/** What one target did in one round. */
export interface Measurement {
  readonly operations: number;
  readonly seconds: number;
  readonly throughput: number;
  readonly latency: Latency;
  /** Of each kind of operation. */
  readonly latencyByKind: Readonly<Record<string, Latency>>;
  /** Microseconds of CPU per operation: of the bench itself, and of all server processes together. */
  readonly clientCpuUs: number;
  readonly serverCpuUs: number;
}

/** The medians over all rounds, and how far throughput spread. */
export interface Summary {
  readonly rounds: number;
  readonly throughput: number;
  readonly minThroughput: number;
  readonly maxThroughput: number;
  readonly latency: Latency;
  readonly clientCpuUs: number;
  readonly serverCpuUs: number;
}

export function summarise(rounds: readonly Measurement[]): Summary {
  const of = (pick: (round: Measurement) => number): number => median(rounds.map(pick));
  const throughputs = rounds.map((round) => round.throughput);
  return {
    rounds: rounds.length,
    throughput: median(throughputs),
    minThroughput: Math.min(...throughputs),
    maxThroughput: Math.max(...throughputs),
    latency: {
      count: rounds.reduce((sum, round) => sum + round.latency.count, 0),
      meanUs: of((round) => round.latency.meanUs),
      p50Us: of((round) => round.latency.p50Us),
      p99Us: of((round) => round.latency.p99Us),
      p999Us: of((round) => round.latency.p999Us),
      maxUs: of((round) => round.latency.maxUs),
    },
    clientCpuUs: of((round) => round.clientCpuUs),
    serverCpuUs: of((round) => round.serverCpuUs),
  };
}

/** How the first target stands to another: the median of the ratios of rounds that ran next to each other, so that drift cancels out. */
export interface Ratio {
  readonly target: string;
  readonly to: string;
  readonly throughput: number;
  readonly p99: number;
  readonly p999: number;
  readonly cpu: number;
}

export function ratioOf(
  target: string,
  mine: readonly Measurement[],
  to: string,
  theirs: readonly Measurement[],
): Ratio {
  const of = (pick: (round: Measurement) => number): number =>
    median(mine.map((round, index) => pick(round) / pick(theirs[index]!)));
  return {
    target,
    to,
    throughput: of((round) => round.throughput),
    p99: of((round) => round.latency.p99Us),
    p999: of((round) => round.latency.p999Us),
    cpu: of((round) => round.clientCpuUs + round.serverCpuUs),
  };
}

import * as hdr from 'hdr-histogram-js';
import type { Latency } from './stats-core.ts';

const HIGHEST_US = 600_000_000;

/** Latencies in microseconds, to three digits, up to ten minutes. */
export class Recorder {
  readonly #histogram = hdr.build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_US,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 32,
    useWebAssembly: false,
  });

  record(latencyMs: number): void {
    this.#histogram.recordValue(Math.min(HIGHEST_US, Math.max(1, Math.round(latencyMs * 1_000))));
  }

  /** Counts in what another one has recorded. */
  add(other: Recorder): void {
    this.#histogram.add(other.#histogram);
  }

  latency(): Latency {
    const histogram = this.#histogram;
    return {
      count: histogram.totalCount,
      meanUs: histogram.mean,
      p50Us: histogram.getValueAtPercentile(50),
      p99Us: histogram.getValueAtPercentile(99),
      p999Us: histogram.getValueAtPercentile(99.9),
      maxUs: histogram.maxValue,
    };
  }
}

import type { Histogram, Registry } from 'prom-client';

type Labels = Readonly<Record<string, string>>;

/** What was observed under one set of labels: plain numbers, changed in place. */
export class HistogramSeries {
  readonly labels: Labels;
  readonly #bounds: readonly number[];
  /** Observations up to each bound and above the one before it; those above all bounds come last. */
  readonly counts: Float64Array;
  count = 0;
  sum = 0;

  constructor(labels: Labels, bounds: readonly number[]) {
    this.labels = labels;
    this.#bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && value > bounds[at]!) at++;
    this.counts[at]! += 1;
    this.count += 1;
    this.sum += value;
  }
}

export interface PlainHistogramOptions {
  readonly name: string;
  readonly help: string;
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[];
  readonly registry: Registry;
}

/**
 * A Prometheus histogram whose observations cost nanoseconds, as every request makes some: prom-client's own checks and hashes the labels of
 * each (a microsecond and more). It is put into the form of the exposition only when a scrape asks.
 */
export class PlainHistogram {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly #buckets: readonly number[];
  readonly #series: HistogramSeries[] = [];

  constructor({ name, help, buckets, registry }: PlainHistogramOptions) {
    this.name = name;
    this.help = help;
    this.#buckets = buckets;
    // Of a metric, a registry uses what this class has; its type asks for the rest of prom-client's too.
    registry.registerMetric(this as unknown as Histogram<string>);
  }

  /** Each that was made. */
  get series(): readonly HistogramSeries[] {
    return this.#series;
  }

  /** A new series. To be made once for each set of labels, and kept by who observes. */
  addSeries(labels: Labels = {}): HistogramSeries {
    const series = new HistogramSeries(labels, this.#buckets);
    this.#series.push(series);
    return series;
  }

  /** Asked by the registry. */
  async get() {
    const { name, help, type, aggregator } = this;
    return { name, help, type, aggregator, values: this.#series.flatMap((series) => this.#valuesOf(series)) };
  }

  #valuesOf({ labels: sharedLabels, counts, count, sum }: HistogramSeries) {
    const bucket = (le: number | string, value: number) => ({
      metricName: `${this.name}_bucket`,
      labels: { le },
      sharedLabels,
      value,
    });
    let upTo = 0;
    const buckets = this.#buckets.map((le, at) => {
      upTo += counts[at]!;
      return bucket(le, upTo);
    });
    return [
      ...buckets,
      bucket('+Inf', count),
      { metricName: `${this.name}_sum`, labels: {}, sharedLabels, value: sum },
      { metricName: `${this.name}_count`, labels: {}, sharedLabels, value: count },
    ];
  }
}

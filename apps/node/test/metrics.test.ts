import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { createMetrics } from '../src/metrics.ts';
import { PlainHistogram } from '../src/plain-histogram.ts';

it('counts each request once, in its verb and way, and errors by their code too', async () => {
  const metrics = createMetrics('n1', { defaultMetrics: false });
  metrics.finished('get', 'bus', 3);
  metrics.finished('get', 'bus', 5000);
  metrics.finished('put', 'http', 1, Object.assign(new Error(), { code: 'OVERLOADED' }));
  metrics.siblingsSeen(2);
  const lines = (await metrics.text()).split('\n');
  // What is read twice is not counted twice.
  expect((await metrics.text()).split('\n').filter((line) => line.includes('requests_total'))).toEqual(
    lines.filter((line) => line.includes('requests_total')),
  );
  metrics.close();
  for (const line of [
    'ringfort_requests_total{verb="get",way="bus",node="n1"} 2',
    'ringfort_requests_total{verb="put",way="http",node="n1"} 1',
    'ringfort_request_errors_total{verb="put",way="http",code="OVERLOADED",node="n1"} 1',
    'ringfort_request_duration_seconds_bucket{le="0.002",node="n1",verb="get",way="bus"} 0',
    'ringfort_request_duration_seconds_bucket{le="0.004",node="n1",verb="get",way="bus"} 1',
    'ringfort_request_duration_seconds_bucket{le="+Inf",node="n1",verb="get",way="bus"} 2',
    'ringfort_request_duration_seconds_sum{node="n1",verb="get",way="bus"} 5.003',
    'ringfort_siblings_bucket{le="1",node="n1"} 0',
    'ringfort_siblings_bucket{le="2",node="n1"} 1',
    'ringfort_siblings_count{node="n1"} 1',
  ]) {
    expect(lines).toContain(line);
  }
});

it('a plain histogram tells what one of prom-client tells', async () => {
  const buckets = [0, 1, 2.5, 10];
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.constantFrom(...buckets), fc.double({ min: 0, max: 20, noNaN: true }))),
      async (values) => {
        const [plain, theirs] = [new Registry(), new Registry()];
        const series = new PlainHistogram({ name: 'h', help: 'some', buckets, registry: plain }).addSeries({ a: 'b' });
        const histogram = new Histogram({ name: 'h', help: 'some', labelNames: ['a'], buckets, registers: [theirs] });
        histogram.zero({ a: 'b' });
        for (const value of values) {
          series.observe(value);
          histogram.observe({ a: 'b' }, value);
        }
        expect(await plain.metrics()).toBe(await theirs.metrics());
      },
    ),
  );
});

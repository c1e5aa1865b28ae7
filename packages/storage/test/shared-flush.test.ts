import { virtualClock } from '@ringfort/testkit';
import { expect, it } from 'vitest';
import { SharedFlush } from '../src/journal.ts';

it('flushes at most once in each gap, the first one at once, and leaves nobody who asked without a flush begun after that', async () => {
  const clock = virtualClock();
  const begun: number[] = [];
  const tookMs = 2;
  const flush = new SharedFlush(
    () => {
      begun.push(clock.monotonicMs());
      return new Promise((resolve) => void clock.setTimeout(resolve, tookMs));
    },
    { clock, gapMs: 5 },
  );
  const answers: { askedMs: number; endedMs: number }[] = [];
  for (let askedMs = 0; askedMs < 40; askedMs++) {
    clock.setTimeout(() => {
      flush.run().then(() => answers.push({ askedMs, endedMs: clock.monotonicMs() }));
    }, askedMs);
  }
  await clock.advanceAsync(60);
  expect(begun[0]).toBe(0);
  for (let i = 1; i < begun.length; i++) expect(begun[i]! - begun[i - 1]!).toBeGreaterThanOrEqual(5);
  expect(begun.length).toBeLessThanOrEqual(10);
  expect(answers).toHaveLength(40);
  for (const { askedMs, endedMs } of answers) {
    expect(begun.some((at) => at >= askedMs && at + tookMs <= endedMs)).toBe(true);
    expect(endedMs - askedMs).toBeLessThanOrEqual(5 + 2 * tookMs);
  }
});

it('tells a failure to those who asked for that flush, and goes on', async () => {
  let fail = true;
  const flush = new SharedFlush(() => (fail ? Promise.reject(new Error('disk')) : Promise.resolve()));
  await expect(flush.run()).rejects.toThrow('disk');
  fail = false;
  await flush.run();
});

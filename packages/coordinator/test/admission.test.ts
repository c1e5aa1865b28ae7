import { virtualClock } from '@ringfort/testkit';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Admission } from '../src/admission.ts';

const DEADLINE_MS = 2_000;
const limits = { maxInFlight: 4_096, queueMs: 500 };

interface Phase {
  readonly perSecond: number;
  readonly forMs: number;
}

/** A node that works off its requests one after the other, also those whose deadline has passed. Counts per phase, by when they came. */
function serve(servicePerSecond: number, phases: readonly Phase[]) {
  const clock = virtualClock();
  const admission = new Admission(clock, limits);
  const queue: { atMs: number; phase: number }[] = [];
  const counts = phases.map(() => ({ offered: 0, refused: 0, inTime: 0, late: 0 }));
  let work = 0;
  for (const [phase, { perSecond, forMs }] of phases.entries()) {
    let due = 0;
    for (let ms = 0; ms < forMs; ms += 1) {
      clock.advance(1);
      work = Math.min(work + servicePerSecond / 1_000, queue.length);
      for (; work >= 1 && queue.length > 0; work -= 1) {
        const request = queue.shift()!;
        const tookMs = clock.monotonicMs() - request.atMs;
        const isInTime = tookMs <= DEADLINE_MS;
        counts[request.phase]![isInTime ? 'inTime' : 'late'] += 1;
        if (isInTime) admission.served(tookMs);
      }
      for (due += perSecond / 1_000; due >= 1; due -= 1) {
        counts[phase]!.offered += 1;
        if (admission.refuses(queue.length)) counts[phase]!.refused += 1;
        else queue.push({ atMs: clock.monotonicMs(), phase });
      }
    }
  }
  return counts;
}

it('serves near capacity whatever is offered, and refuses nothing once calm', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 250, max: 3_000 }),
      fc.double({ min: 1.5, max: 6, noNaN: true }),
      (capacity, times) => {
        const storm = { perSecond: capacity * times, forMs: 6_000 };
        const [, found, seen, , calm] = serve(capacity, [
          { perSecond: capacity / 2, forMs: 1_000 },
          storm, // the queue is found out, and what was let in before is worked off
          storm,
          { perSecond: capacity / 4, forMs: 2_000 },
          { perSecond: capacity / 2, forMs: 2_000 },
        ]);
        expect(found!.inTime).toBeGreaterThan(0.3 * capacity * 6);
        expect(seen!.inTime).toBeGreaterThan(0.7 * capacity * 6);
        expect(seen!.refused).toBeGreaterThan(0);
        expect(seen!.late).toBeLessThan(0.05 * seen!.inTime);
        expect(calm!.refused).toBe(0);
      },
    ),
    { numRuns: 15 },
  );
});

it('lets a burst in that is worked off in time', () => {
  const [, burst, after] = serve(1_000, [
    { perSecond: 500, forMs: 3_000 },
    { perSecond: 400_000, forMs: 1 },
    { perSecond: 500, forMs: 2_000 },
  ]);
  expect(burst).toMatchObject({ offered: 400, refused: 0 });
  expect(after).toMatchObject({ refused: 0, late: 0 });
});

it('takes a pause for no queue', () => {
  const clock = virtualClock();
  const admission = new Admission(clock, limits);
  for (let round = 0; round < 10; round += 1) {
    clock.advance(900); // nothing was served meanwhile, and then all 256 clients at once
    for (let count = 0; count < 256; count += 1) {
      admission.served(900);
      expect(admission.refuses(255 - count + 64)).toBe(false);
    }
    for (let step = 0; step < 60; step += 1) {
      clock.advance(10);
      admission.served(20);
      expect(admission.refuses(255)).toBe(false);
    }
  }
});

it('refuses nothing of a few that are slow, and nothing of many that are quick', () => {
  const clock = virtualClock();
  const admission = new Admission(clock, limits);
  for (let round = 0; round < 20; round += 1) {
    clock.advance(300);
    admission.served(1_900);
    expect(admission.refuses(63)).toBe(false);
  }
  for (let round = 0; round < 20; round += 1) {
    clock.advance(300);
    for (let count = 0; count < 1_000; count += 1) admission.served(30);
    expect(admission.refuses(2_000)).toBe(false);
  }
  expect(admission.refuses(4_096)).toBe(true);
});

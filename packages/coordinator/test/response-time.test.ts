import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ResponseTime } from '../src/response-time.ts';

it('stays within its bounds, and above what replicas steadily take', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 50 }),
      fc.integer({ min: 1, max: 900 }),
      (samples, steadyMs) => {
        const times = new ResponseTime(150, 1000);
        expect(times.hedgeMs).toBe(150);
        for (const tookMs of samples) {
          times.observe(tookMs);
          expect(times.hedgeMs).toBeGreaterThanOrEqual(150);
          expect(times.hedgeMs).toBeLessThanOrEqual(1000);
        }
        for (let i = 0; i < 400; i++) times.observe(steadyMs);
        expect(times.hedgeMs).toBeGreaterThanOrEqual(Math.min(1000, steadyMs * 0.99));
      },
    ),
  );
});

it('comes back to the shortest hedge once replicas are quick again', () => {
  const times = new ResponseTime(150, 1000);
  for (let i = 0; i < 50; i++) times.observe(800);
  expect(times.hedgeMs).toBeGreaterThan(800);
  for (let i = 0; i < 400; i++) times.observe(5);
  expect(times.hedgeMs).toBe(150);
});

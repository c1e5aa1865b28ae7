import { Deadline, DeadlineWheel } from '@ringfort/bus';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from './support/manual-clock.ts';

const TICK_MS = 10;

test('each deadline that is not cancelled expires once: not before its time, and at most a tick after it', () => {
  const entry = fc.record({ deadlineMs: fc.nat(40_000), cancelled: fc.boolean() });
  const steps = fc.array(fc.integer({ min: 1, max: 15_000 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 60 }), steps, (entries, advances) => {
      const clock = new ManualClock();
      const wheel = new DeadlineWheel(clock);
      const expiredAt = new Map<number, number[]>();
      const handles = entries.map(({ deadlineMs }, index) =>
        wheel.add(deadlineMs, () => expiredAt.set(index, [...(expiredAt.get(index) ?? []), clock.monotonicMs()])),
      );
      for (const [index, { cancelled }] of entries.entries()) if (cancelled) wheel.cancel(handles[index]!);
      for (const ms of advances) clock.advance(ms);
      clock.advance(60_000);
      for (const [index, { deadlineMs, cancelled }] of entries.entries()) {
        const times = expiredAt.get(index) ?? [];
        expect(times).toHaveLength(cancelled ? 0 : 1);
        if (cancelled) continue;
        expect(times[0]).toBeGreaterThanOrEqual(deadlineMs);
        expect(times[0]! - deadlineMs).toBeLessThanOrEqual(TICK_MS);
      }
      expect(wheel.size).toBe(0);
      expect(clock.timers.size).toBe(0);
    }),
  );
});

test('a deadline that sets a far one does not delay those in between', () => {
  const clock = new ManualClock();
  const wheel = new DeadlineWheel(clock);
  const expired: string[] = [];
  wheel.after(50, () => {
    expired.push('first');
    wheel.after(1500, () => expired.push('far'));
  });
  wheel.after(100, () => expired.push('second'));
  clock.advance(50 + TICK_MS);
  clock.advance(50);
  expect(expired).toEqual(['first', 'second']);
  clock.advance(1500);
  expect(expired).toEqual(['first', 'second', 'far']);
});

test('sleeps when empty: one timer while anything is pending, none afterwards', () => {
  const clock = new ManualClock();
  const wheel = new DeadlineWheel(clock);
  expect(clock.timers.size).toBe(0);
  const handles = [500, 400, 900].map((delayMs) => wheel.after(delayMs, () => {}));
  expect(clock.timers.size).toBe(1);
  for (const handle of handles) wheel.cancel(handle);
  clock.advance(1_000);
  expect(clock.timers.size).toBe(0);
  const set = clock.set;
  clock.advance(100_000);
  expect(clock.set).toBe(set);
});

test('a deadline may be added or cancelled while another expires', () => {
  const clock = new ManualClock();
  const wheel = new DeadlineWheel(clock);
  const expired: string[] = [];
  const handles = ['a', 'b'].map((name, index) =>
    wheel.after(100, () => {
      expired.push(name);
      wheel.cancel(handles[1 - index]!);
      wheel.after(0, () => expired.push('next'));
    }),
  );
  clock.advance(200);
  expect(expired).toHaveLength(2);
  expect(expired[1]).toBe('next');
  expect(wheel.size).toBe(0);
});

test('one that is due may be put off by another of the same tick, and harms none', () => {
  const clock = new ManualClock();
  const wheel = new DeadlineWheel(clock);
  const expired: string[] = [];
  class Named extends Deadline {
    readonly name: string;
    constructor(name: string) {
      super();
      this.name = name;
    }
    override expire(): void {
      expired.push(`${this.name} ${clock.monotonicMs()}`);
      for (const other of all) {
        if (other === this || expired.length > 1) continue;
        wheel.cancel(other);
        wheel.set(other, 10_340);
      }
    }
  }
  const all = ['a', 'b', 'c'].map((name) => new Named(name));
  for (const deadline of all) wheel.set(deadline, 100);
  wheel.add(10_340, () => expired.push('far'));
  clock.advance(200);
  expect(expired).toEqual([expect.stringMatching(/ 100$/)]);
  expect(wheel.size).toBe(3);
  clock.advance(20_000);
  expect(expired.slice(1).sort()).toHaveLength(3);
  expect(wheel.size).toBe(0);
});

test('a deadline that has passed expires on the next tick; clear forgets all', () => {
  const clock = new ManualClock();
  const wheel = new DeadlineWheel(clock);
  clock.advance(5_000);
  const expired: number[] = [];
  wheel.add(10, () => expired.push(1));
  clock.advance(TICK_MS);
  expect(expired).toEqual([1]);
  wheel.after(50, () => expired.push(2));
  wheel.after(20_000, () => expired.push(3));
  wheel.clear();
  clock.advance(30_000);
  expect(expired).toEqual([1]);
  expect(clock.timers.size).toBe(0);
});

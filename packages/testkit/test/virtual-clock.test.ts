import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { virtualClock } from '../src/index.ts';
import { type Timer, TimerHeap } from '../src/timer-heap.ts';

describe('the heap of timers', () => {
  it('gives timers by time, then by order of adding, whatever was removed', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ add: fc.integer({ min: 0, max: 20 }) }) },
      { weight: 1, arbitrary: fc.record({ remove: fc.nat() }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const heap = new TimerHeap();
        let model: Timer[] = [];
        for (const action of steps) {
          if ('add' in action) model.push(heap.add(action.add, () => undefined));
          else if (model.length > 0) {
            const gone = model[action.remove % model.length]!;
            heap.remove(gone);
            heap.remove(gone); // Twice does no harm.
            model = model.filter((timer) => timer !== gone);
          }
        }
        const expected = [...model].sort((a, b) => a.atMs - b.atMs || a.order - b.order);
        const given: Timer[] = [];
        for (let timer = heap.peek(); timer !== undefined; timer = heap.peek()) {
          given.push(timer);
          heap.remove(timer);
        }
        expect(given).toEqual(expected);
        expect(heap.size).toBe(0);
      }),
    );
  });
});

describe('virtualClock', () => {
  it('runs what is due, at its own time, including what it sets', () => {
    const clock = virtualClock({ startMs: 1_000 });
    const ran: [string, number][] = [];
    const note = (name: string) => ran.push([name, clock.now()]);
    clock.setTimeout(() => note('b'), 20);
    clock.setTimeout(() => {
      note('a');
      clock.setTimeout(() => note('at once'), 0);
      clock.setTimeout(() => note('later'), 15);
    }, 10);
    const never = clock.setTimeout(() => note('never'), 5);
    clock.clearTimeout(never);
    clock.setTimeout(() => note('beyond'), 26);
    clock.advance(25);
    expect(ran).toEqual([
      ['a', 1_010],
      ['at once', 1_010],
      ['b', 1_020],
      ['later', 1_025],
    ]);
    expect([clock.now(), clock.monotonicMs(), clock.pending, clock.nextDueMs]).toEqual([1_025, 25, 1, 26]);
    expect(clock.runUntilIdle()).toBe(1);
    expect(clock.monotonicMs()).toBe(26);
  });

  it('treats a delay that is no positive number as none', () => {
    const clock = virtualClock();
    const ran: number[] = [];
    for (const delay of [-5, Number.NaN, 0]) clock.setTimeout(() => ran.push(delay), delay);
    clock.advance(0);
    expect(ran).toEqual([-5, Number.NaN, 0]);
  });

  it('lets promises settle between timers in its asynchronous forms', async () => {
    const clock = virtualClock();
    const sleep = (ms: number) => new Promise<void>((resolve) => void clock.setTimeout(resolve, ms));
    const seen: number[] = [];
    const loop = (async () => {
      for (let turn = 0; turn < 5; turn += 1) {
        await sleep(10);
        seen.push(clock.monotonicMs());
      }
    })();
    await clock.advanceAsync(25);
    expect(seen).toEqual([10, 20]);
    expect(clock.monotonicMs()).toBe(25);
    expect(await clock.runUntilIdleAsync()).toBe(3);
    await loop;
    expect(seen).toEqual([10, 20, 30, 40, 50]);
  });

  it('stops a step that sets timers for ever', () => {
    const clock = virtualClock({ maxTimers: 100 });
    const again = (): void => void clock.setTimeout(again, 1);
    again();
    expect(() => clock.runUntilIdle()).toThrow(expect.objectContaining({ code: 'CLOCK_RUNAWAY' }));
    clock.advance(50); // Within the bound, it goes on.
    expect(clock.pending).toBe(1);
  });

  it('jumps without touching timers or monotonic time', () => {
    const clock = virtualClock();
    let ran = 0;
    clock.setTimeout(() => {
      ran += 1;
    }, 10);
    clock.jump(3_600_000);
    clock.advance(9);
    expect([ran, clock.now(), clock.monotonicMs()]).toEqual([0, 3_600_009, 9]);
    clock.jump(-7_200_000);
    clock.advance(1);
    expect([ran, clock.now()]).toEqual([1, -3_599_990]);
  });

  it('bears 100,000 timers that set, clear and run', () => {
    const clock = virtualClock();
    let ran = 0;
    const ids = Array.from({ length: 100_000 }, (_, index) =>
      clock.setTimeout(
        () => {
          ran += 1;
        },
        (index * 7_919) % 10_007,
      ),
    );
    for (let index = 0; index < ids.length; index += 2) clock.clearTimeout(ids[index]);
    clock.advance(20_000);
    expect([ran, clock.pending]).toEqual([50_000, 0]);
  });
});

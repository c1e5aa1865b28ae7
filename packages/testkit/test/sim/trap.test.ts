import { systemClock, systemRandom } from '@ringfort/bus';
import { afterEach, describe, expect, it } from 'vitest';
import { setTrap, type Trap } from '../../sim/trap.ts';
import { seededRandom } from '../../src/index.ts';

let trap: Trap | undefined;

afterEach(() => trap?.remove());

describe('the trap', () => {
  it('refuses and remembers what production code calls by itself', () => {
    trap = setTrap(seededRandom(1));
    const calls: [name: string, call: () => unknown][] = [
      ['Date.now', () => systemClock.now()],
      ['performance.now', () => systemClock.monotonicMs()],
      ['setTimeout', () => systemClock.setTimeout(() => {}, 1)],
      ['crypto.randomBytes', () => systemRandom.bytes(4)],
      ['crypto.randomInt', () => systemRandom.below(4)],
    ];
    for (const [name, call] of calls) expect(call).toThrow(`${name} is called by packages/bus/src/system-clock.ts`);
    expect(trap.sprung).toHaveLength(calls.length);
  });

  it('lets others call them, with randomness from the seed', () => {
    const draw = () => {
      trap = setTrap(seededRandom(7));
      const drawn = [Math.random(), Math.random()];
      expect([Date.now() > 0, new Date().getFullYear() > 0, new Date(5).getTime(), performance.now() > 0]).toEqual([
        true,
        true,
        5,
        true,
      ]);
      expect(trap.sprung).toEqual([]);
      trap.remove();
      return drawn;
    };
    expect(draw()).toEqual(draw());
  });

  it('leaves nothing behind', () => {
    const before = [Date, Math.random, setTimeout, performance.now, process.hrtime];
    setTrap(seededRandom(1)).remove();
    expect([Date, Math.random, setTimeout, performance.now, process.hrtime]).toEqual(before);
    expect(systemClock.now()).toBeGreaterThan(0);
    expect(systemRandom.bytes(2)).toHaveLength(2);
  });
});

import crypto from 'node:crypto';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';
import { runInThisContext } from 'node:vm';
import { systemClock, systemRandom } from '@ringfort/bus';
import { afterEach, describe, expect, it } from 'vitest';
import { setTrap, type Trap } from '../../sim/trap.ts';
import { seededRandom } from '../../src/index.ts';

let trap: Trap | undefined;

/** By the name that the trap gives it: what depends on the real world, and is refused. */
const refused: readonly [name: string, expression: string][] = [
  ['Date.now', 'Date.now()'],
  ['new Date', 'new Date()'],
  ['Date()', 'Date()'],
  ['performance.now', 'performance.now()'],
  ['performance.mark', 'performance.mark("m")'],
  ['process.hrtime', 'process.hrtime()'],
  ['process.hrtime.bigint', 'process.hrtime.bigint()'],
  ['process.uptime', 'process.uptime()'],
  ['Math.random', 'Math.random()'],
  ['crypto.randomBytes', 'modules.crypto.randomBytes(4)'],
  ['crypto.randomInt', 'modules.crypto.randomInt(4)'],
  ['crypto.randomUUID', 'modules.crypto.randomUUID()'],
  ['crypto.randomFill', 'modules.crypto.randomFill(new Uint8Array(1), () => {})'],
  ['crypto.randomFillSync', 'modules.crypto.randomFillSync(new Uint8Array(1))'],
  ['crypto.getRandomValues', 'modules.crypto.getRandomValues(new Uint8Array(1))'],
  ['crypto.getRandomValues', 'globalThis.crypto.getRandomValues(new Uint8Array(1))'],
  ['crypto.getRandomValues', 'modules.crypto.webcrypto.getRandomValues(new Uint8Array(1))'],
  ['crypto.randomUUID', 'globalThis.crypto.randomUUID()'],
  ['setTimeout', 'clearTimeout(setTimeout(() => {}, 1))'],
  ['setInterval', 'clearInterval(setInterval(() => {}, 1))'],
  ['setImmediate', 'clearImmediate(setImmediate(() => {}))'],
  ['timers setTimeout', 'clearTimeout(modules.timers.setTimeout(() => {}, 1))'],
  ['timers setInterval', 'clearInterval(modules.timers.setInterval(() => {}, 1))'],
  ['timers setImmediate', 'clearImmediate(modules.timers.setImmediate(() => {}))'],
  ['timers/promises setTimeout', 'modules.timersPromises.setTimeout(1)'],
  ['timers/promises setInterval', 'modules.timersPromises.setInterval(1)'],
  ['timers/promises setImmediate', 'modules.timersPromises.setImmediate()'],
  ['timers/promises scheduler.wait', 'modules.timersPromises.scheduler.wait(1)'],
  ['timers/promises scheduler.yield', 'modules.timersPromises.scheduler.yield()'],
  ['AbortSignal.timeout', 'AbortSignal.timeout(1)'],
];
const allowed = ['new Date(5).toISOString()', 'Date.UTC(2026)', 'Date.parse("2026-11-21")', 'queueMicrotask(() => {})'];

/** Runs it as a file of that name does. */
function runIn(filename: string, expression: string): unknown {
  const body = runInThisContext(`(modules) => ${expression}`, { filename }) as (modules: object) => unknown;
  return body({ crypto, timers, timersPromises });
}

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

  it.each(refused)('refuses %s: %s', (name, expression) => {
    trap = setTrap(seededRandom(1));
    for (const file of ['/repo/packages/example/src/deep/culprit.ts', '/repo/packages/example/dist/culprit.js'])
      expect(() => runIn(file, expression)).toThrow(`${name} is called by ${file.slice('/repo/'.length)}`);
    expect(trap.sprung).toHaveLength(2);
    for (const file of ['/repo/node_modules/lib/index.js', '/repo/packages/testkit/sim/x.ts', '/repo/apps/node/x.ts'])
      expect(() => runIn(file, expression)).not.toThrow();
    expect(trap.sprung).toHaveLength(2);
  });

  it.each(allowed)('has nothing against %s', (expression) => {
    trap = setTrap(seededRandom(1));
    runIn('/repo/packages/example/src/honest.ts', expression);
    expect(trap.sprung).toEqual([]);
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
    const all = () => [
      [Date, Math.random, setTimeout, performance.now, process.hrtime, process.hrtime.bigint, AbortSignal.timeout],
      [crypto.randomUUID, globalThis.crypto.randomUUID, timers.setTimeout, timersPromises.setTimeout],
    ];
    const before = all();
    setTrap(seededRandom(1)).remove();
    for (const [index, now] of all().flat().entries()) expect(now).toBe(before.flat()[index]);
    expect(systemClock.now()).toBeGreaterThan(0);
    expect(systemRandom.bytes(2)).toHaveLength(2);
  });
});

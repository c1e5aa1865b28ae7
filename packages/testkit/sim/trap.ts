import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';
import type { Random } from '@ringfort/bus';

/** Set while a simulation runs. */
export interface Trap {
  /** What production code called that it must not, once per place. */
  readonly sprung: readonly string[];
  /** Puts everything back. */
  remove(): void;
}

type Place = Record<string, (...args: never[]) => unknown>;

/** A frame in the sources (or the build) of any package but this one. */
const production = /packages\/(?!testkit\/)[\w-]+\/(?:src|dist)\/[\w./-]+:\d+/;
const timerNames = ['setTimeout', 'setInterval', 'setImmediate'];
const randomNames = ['randomBytes', 'randomInt', 'randomUUID', 'randomFill', 'randomFillSync'];

/** The frame above the trap's own, which is the second line of the stack after the message. */
const CALLER_LINE = 2;
/** Of Node's own, between that and the caller: `crypto.getRandomValues` is one that cannot be replaced. */
const NODE_FRAMES = 4;

/**
 * Watches what would make a run depend on the real world: while it is set, production code that by itself calls the real clock, real randomness or
 * real timers is refused with an error and remembered. Libraries may call them; `Math.random` then answers from the seed.
 */
export function setTrap(random: Random): Trap {
  const sprung = new Set<string>();
  const undo: (() => void)[] = [];
  const check = (name: string) => {
    const at = production.exec(callerOf());
    if (at === null) return;
    sprung.add(`${at[0]} calls ${name}`);
    throw new Error(
      `${name} is called by ${at[0]} during a simulation: use the clock and the random source that are passed in`,
    );
  };
  const watch = (place: object, prefix: string, names: readonly string[], instead?: () => unknown) => {
    for (const name of names) {
      const original = (place as Place)[name]!;
      const watched = function (this: unknown, ...args: never[]): unknown {
        check(`${prefix}${name}`);
        return instead === undefined ? original.apply(this, args) : instead();
      };
      undo.push(replace(place, name, Object.assign(watched, original)));
    }
  };
  watch(Math, 'Math.', ['random'], () => random.below(2 ** 32) / 2 ** 32);
  watch(performance, 'performance.', ['now', 'mark', 'measure']);
  watch(process, 'process.', ['hrtime', 'uptime']);
  watch(process.hrtime, 'process.hrtime.', ['bigint']);
  watch(crypto, 'crypto.', randomNames);
  watch(globalThis.crypto, 'crypto.', ['getRandomValues', 'randomUUID']);
  watch(globalThis, '', timerNames);
  watch(timers, 'timers ', timerNames);
  watch(timersPromises, 'timers/promises ', timerNames);
  watch(timersPromises.scheduler, 'timers/promises scheduler.', ['wait', 'yield']);
  watch(AbortSignal, 'AbortSignal.', ['timeout']);
  undo.push(replace(globalThis, 'Date', watchedDate(check)));
  syncBuiltinESMExports();
  return {
    get sprung() {
      return [...sprung];
    },
    remove() {
      for (const one of undo.reverse()) one();
      syncBuiltinESMExports();
    },
  };
}

/** `new Date()`, `Date()` and `Date.now()` are watched; dates made of numbers and texts are not. */
function watchedDate(check: (name: string) => void): DateConstructor {
  const RealDate = Date;
  return new Proxy(RealDate, {
    construct(target, args: [], newTarget) {
      if (args.length === 0) check('new Date');
      return Reflect.construct(target, args, newTarget) as object;
    },
    apply(target) {
      check('Date()');
      return target();
    },
    get(target, name, receiver) {
      if (name !== 'now') return Reflect.get(target, name, receiver) as unknown;
      return () => {
        check('Date.now');
        return target.now();
      };
    },
  });
}

function replace(place: object, name: string, value: unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(place, name);
  Object.defineProperty(place, name, {
    value,
    writable: true,
    configurable: true,
    enumerable: before?.enumerable ?? true,
  });
  return () => {
    if (before === undefined) Reflect.deleteProperty(place, name);
    else Object.defineProperty(place, name, before);
  };
}

/** The line of the stack that tells who called the function that calls the check; what Node itself does on behalf of its caller does not count. */
function callerOf(): string {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = CALLER_LINE + 1 + NODE_FRAMES;
  const { stack = '' } = new Error('who calls');
  Error.stackTraceLimit = before;
  const callers = stack.split('\n').slice(CALLER_LINE + 2);
  return callers.find((line) => !line.includes('node:')) ?? '';
}

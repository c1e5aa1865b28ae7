import { expect, it } from 'vitest';
import { createActor, setup } from 'xstate';
import { virtualClock } from '../src/index.ts';

it("is a clock for xstate's delays", () => {
  const clock = virtualClock();
  const machine = setup({ delays: { wait: 500 } }).createMachine({
    initial: 'waiting',
    states: { waiting: { after: { wait: 'done' }, on: { cancel: 'cancelled' } }, done: {}, cancelled: {} },
  });
  const waiting = createActor(machine, { clock }).start();
  const cancelled = createActor(machine, { clock }).start();
  cancelled.send({ type: 'cancel' });
  clock.advance(499);
  expect([waiting.getSnapshot().value, clock.pending]).toEqual(['waiting', 1]);
  clock.advance(1);
  expect([waiting.getSnapshot().value, cancelled.getSnapshot().value]).toEqual(['done', 'cancelled']);
});

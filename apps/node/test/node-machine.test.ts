import { describe, expect, it } from 'vitest';
import { type AnyActorRef, createActor, fromPromise, waitFor } from 'xstate';
import { nodeMachine } from '../src/node-machine.ts';

const startSteps = [
  'openStore',
  'openHttp',
  'claimRun',
  'connectBus',
  'serveStorage',
  'joinCluster',
  'startCoordinator',
  'startAntiEntropy',
] as const;
const stopSteps = [
  'drainHttp',
  'closeAntiEntropy',
  'closeCoordinator',
  'leaveMembership',
  'closeBus',
  'handRunOver',
  'closeStore',
] as const;
type Step = (typeof startSteps)[number] | (typeof stopSteps)[number];

/** The machine with steps that only note that they ran; `fails` names those that reject. */
function life(fails: readonly Step[] = [], atStep: (step: Step, actor: AnyActorRef) => void = () => undefined) {
  const ran: Step[] = [];
  const step = (name: Step) =>
    fromPromise<void>(async () => {
      ran.push(name);
      atStep(name, actor);
      if (fails.includes(name)) throw new Error(name);
    });
  const actors = Object.fromEntries([...startSteps, ...stopSteps].map((name) => [name, step(name)]));
  const reported: unknown[] = [];
  const machine = nodeMachine.provide({
    actors: actors as Record<Step, ReturnType<typeof step>>,
    actions: { reportStopFailure: ({ event }) => void reported.push('error' in event ? event.error : undefined) },
  });
  const actor = createActor(machine);
  return { actor, machine, ran, reported };
}
const untilEnd = (actor: ReturnType<typeof life>['actor']) => waitFor(actor, (snapshot) => snapshot.status === 'done');

describe('the life of a node', () => {
  it('opens the store before anything listens, serves when all is there, and closes in reverse', async () => {
    const { actor, ran } = life();
    actor.start();
    await waitFor(actor, (snapshot) => snapshot.matches('serving'));
    expect(ran).toEqual(startSteps);
    actor.send({ type: 'stop.requested' });
    expect((await untilEnd(actor)).value).toBe('stopped');
    expect(ran).toEqual([...startSteps, ...stopSteps]);
  });

  it.each(startSteps)('closes everything when %s fails, and tells the failure', async (failing) => {
    const { actor, ran } = life([failing]);
    actor.start();
    const end = await untilEnd(actor);
    expect(end.value).toBe('failed');
    expect(end.context.failure).toEqual(new Error(failing));
    expect(ran).toEqual([...startSteps.slice(0, startSteps.indexOf(failing) + 1), ...stopSteps]);
  });

  it.each(startSteps)('stops after %s when it is told to meanwhile', async (step) => {
    const { actor, ran } = life([], (at, self) => {
      if (at === step) self.send({ type: 'stop.requested' });
    });
    actor.start();
    expect((await untilEnd(actor)).value).toBe('stopped');
    expect(ran).toEqual([...startSteps.slice(0, startSteps.indexOf(step) + 1), ...stopSteps]);
  });

  it.each(stopSteps)('goes on closing when %s fails', async (failing) => {
    const { actor, ran, reported } = life([failing]);
    actor.start();
    await waitFor(actor, (snapshot) => snapshot.matches('serving'));
    actor.send({ type: 'stop.requested' });
    await untilEnd(actor);
    expect(ran.slice(startSteps.length)).toEqual(stopSteps);
    expect(reported).toEqual([new Error(failing)]);
  });

  it('fails when the stop exceeds its limit', async () => {
    const { machine } = life();
    const hanging = machine.provide({
      actors: { closeBus: fromPromise<void>(() => new Promise(() => undefined)) },
      delays: { stopLimit: 5 },
    });
    const actor = createActor(hanging);
    actor.start();
    await waitFor(actor, (snapshot) => snapshot.matches('serving'));
    actor.send({ type: 'stop.requested' });
    expect((await untilEnd(actor)).value).toBe('failed');
  });
});

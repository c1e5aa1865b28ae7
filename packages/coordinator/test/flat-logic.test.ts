import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AnyStateMachine, assign, createActor, createMachine, setup } from 'xstate';
import { flatLogic, NotFlatError } from '../src/flat-logic.ts';
import { getMachine } from '../src/get-machine.ts';
import { putMachine } from '../src/put-machine.ts';

const guardNames = ['quorumMet', 'quorumHopeless', 'allSettled', 'metByItself', 'refusedByItself', 'hopelessByItself'];
const actionNames = [
  'askReplicas',
  'askStandIns',
  'answer',
  'failUnavailable',
  'failDeadline',
  'repairStale',
  'release',
];
const putActionNames = ['replicate', 'leaveHints', 'answer', 'failUnavailable', 'failDeadline', 'release'];
const facts = [
  'replica.answered',
  'replica.acknowledged',
  'replica.failed',
  'hedge.due',
  'deadline.passed',
  'unheard.of',
];

/** Runs a story and writes down all that can be seen: guards judged true, actions with their context, states. */
function tell(machine: AnyStateMachine, flat: boolean, names: readonly string[], story: readonly Told[]): string[] {
  const log: string[] = [];
  let verdicts: { allSettled?: boolean; [guard: string]: boolean | undefined } = {};
  const guards = Object.fromEntries(guardNames.map((name) => [name, () => verdicts[name] === true]));
  const actions = Object.fromEntries(
    names.map((name) => [
      name,
      ({ context, event }: { context: { task: number }; event: { type: string } }) => {
        log.push(`${name} of ${context.task} at ${event.type}`);
        // What an action does may change what `always` then judges.
        if (name === 'answer') verdicts = { ...verdicts, allSettled: verdicts.allSettled !== true };
      },
    ]),
  );
  const provided = machine.provide({ guards, actions } as never);
  const actor = createActor(flat ? flatLogic(provided) : provided);
  actor.start();
  for (const { type, task, held } of story) {
    verdicts = held;
    actor.send({ type, task } as never);
    const { value, context } = actor.getSnapshot() as { value: string; context: unknown };
    log.push(`${value} ${JSON.stringify(context)}`);
  }
  return log;
}

interface Told {
  readonly type: string;
  readonly task: number;
  readonly held: Record<string, boolean>;
}

const told = (start: string) =>
  fc.record({
    type: fc.oneof({ weight: 1, arbitrary: fc.constant(start) }, { weight: 3, arbitrary: fc.constantFrom(...facts) }),
    task: fc.nat(9),
    held: fc.dictionary(fc.constantFrom(...guardNames), fc.boolean(), { maxKeys: guardNames.length }),
  });

describe('a flat machine', () => {
  it.each([
    ['get', getMachine, 'get.start', actionNames],
    ['put', putMachine, 'put.start', putActionNames],
  ] as const)('tells the story of a %s as the interpreter of xstate does', (_name, machine, start, names) => {
    fc.assert(
      fc.property(fc.array(told(start), { maxLength: 24 }), (story) => {
        expect(tell(machine, true, names, story)).toEqual(tell(machine, false, names, story));
      }),
      { numRuns: 500 },
    );
  });

  it('runs an event that an action sends to its own actor after the one that is being handled', () => {
    const log: string[] = [];
    const machine = setup({
      actions: {
        note: ({ context, event }) => log.push(`${event.type} ${JSON.stringify(context)}`),
        again: ({ event }) => event.type === 'first' && actor.send({ type: 'second' }),
        count: assign(({ context }) => ({ n: (context as { n: number }).n + 1 })),
      },
    }).createMachine({
      context: { n: 0 },
      initial: 'only',
      states: { only: { on: { first: { actions: ['again', 'count', 'note'] }, second: { actions: 'note' } } } },
    });
    const actor = createActor(flatLogic(machine)).start();
    actor.send({ type: 'first' });
    expect(log).toEqual(['first {"n":1}', 'second {"n":1}']);
  });

  it('tells observers of an error that an action throws, as any actor', () => {
    const machine = createMachine({
      context: {},
      initial: 'a',
      states: { a: { on: { go: { actions: () => expect.unreachable('on purpose') } } } },
    });
    const errors: unknown[] = [];
    const actor = createActor(flatLogic(machine));
    actor.subscribe({ error: (error) => errors.push(error) });
    actor.start();
    actor.send({ type: 'go' });
    expect(errors).toHaveLength(1);
  });

  it.each([
    ['nested states', { context: {}, initial: 'a', states: { a: { initial: 'b', states: { b: {} } } } }],
    ['entry actions', { context: {}, initial: 'a', states: { a: { entry: () => {} } } }],
    ['delays', { context: {}, initial: 'a', states: { a: { after: { 10: 'a' } } } }],
    ['wildcards', { context: {}, initial: 'a', states: { a: { on: { '*': {} } } } }],
    ['no initial state', { context: {} }],
    [
      'an action that is not there',
      { context: {}, initial: 'a', states: { a: { on: { go: { actions: 'nowhere' } } } } },
    ],
  ])('refuses a machine with %s', (_what, config) => {
    expect(() => flatLogic(createMachine(config as never))).toThrow(NotFlatError);
  });
});

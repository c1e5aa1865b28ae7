import type { ActorLogic, AnyEventObject, AnyStateMachine, EventObject, Snapshot } from 'xstate';

/** What an actor of a flat machine shows: the name of its state and its context. */
export type FlatSnapshot = Snapshot<undefined> & { readonly value: string; readonly context: object };
export type FlatLogic<Event extends EventObject> = ActorLogic<FlatSnapshot, Event, undefined>;

interface Told {
  readonly context: object;
  readonly event: AnyEventObject;
}

/** Changes the context, or has an effect and answers nothing. */
type Step = (told: Told) => object | undefined;

interface Branch {
  readonly guard: ((told: Told) => boolean) | undefined;
  readonly target: string | undefined;
  readonly steps: readonly Step[];
}

interface FlatState {
  readonly on: ReadonlyMap<string, readonly Branch[]>;
  readonly always: readonly Branch[];
}

/** A machine uses what a flat one cannot have. A mistake of the programmer, found when the logic is made. */
export class NotFlatError extends Error {
  readonly code = 'NOT_FLAT';
  constructor(machine: string, what: string) {
    super(`the machine ${machine} cannot run as a flat one: ${what}; run it with createActor(machine) instead`);
    this.name = 'NotFlatError';
  }
}

/**
 * Actor logic that does what a statechart without nested states says, with its transitions looked up in tables that are made once. xstate's own
 * interpreter works out entry sets, exit sets and transition domains at every event, which flat states do not need, and which cost
 * a request more than all else that its coordinator did (bench/machine.bench.mjs). Takes states, guards and
 * actions by name or inline, `assign` with a function, `always`; no nested states, entry, exit, invoke, after. Equal to xstate's interpreter by
 * test/flat-logic.test.ts.
 * @throws NotFlatError
 */
export function flatLogic<Event extends EventObject>(machine: AnyStateMachine): FlatLogic<Event> {
  const states = statesOf(machine);
  const initial = machine.config.initial;
  const context = machine.config.context;
  if (typeof initial !== 'string' || !states.has(initial))
    throw new NotFlatError(machine.id, 'it has no initial state');
  if (typeof context !== 'object') throw new NotFlatError(machine.id, 'its context is not a plain object');
  const start = snapshotOf(initial, context);
  return {
    getInitialSnapshot: () => start,
    transition: (snapshot, event) => transition(states, snapshot, event),
    getPersistedSnapshot: (snapshot) => snapshot,
  };
}

function snapshotOf(value: string, context: object): FlatSnapshot {
  return { status: 'active', output: undefined, error: undefined, value, context };
}

function transition(states: ReadonlyMap<string, FlatState>, from: FlatSnapshot, event: AnyEventObject): FlatSnapshot {
  let name = from.value;
  let state = states.get(name)!;
  let told: Told = { context: from.context, event };
  let branch = choose(state.on.get(event.type), told);
  // Each round either ends here or follows one more `always`; a machine that goes round in them is not well made.
  for (let rounds = states.size + 1; rounds >= 0; rounds--) {
    if (branch !== undefined) {
      told = run(branch, told);
      if (branch.target !== undefined) {
        name = branch.target;
        state = states.get(name)!;
      }
    }
    branch = state.always.length === 0 ? undefined : choose(state.always, told);
    if (branch === undefined) break;
  }
  return name === from.value && told.context === from.context ? from : snapshotOf(name, told.context);
}

function choose(branches: readonly Branch[] | undefined, told: Told): Branch | undefined {
  if (branches === undefined) return undefined;
  for (const branch of branches) if (branch.guard === undefined || branch.guard(told)) return branch;
  return undefined;
}

function run(branch: Branch, told: Told): Told {
  let now = told;
  for (const step of branch.steps) {
    const context = step(now);
    if (context !== undefined) now = { context, event: now.event };
  }
  return now;
}

function statesOf(machine: AnyStateMachine): ReadonlyMap<string, FlatState> {
  const states = new Map<string, FlatState>();
  const refuse = (what: string): never => {
    throw new NotFlatError(machine.id, what);
  };
  for (const [name, node] of Object.entries(machine.root.states)) {
    if (node.type !== 'atomic') refuse(`state ${name} is ${node.type}`);
    if (node.entry.length > 0 || node.exit.length > 0) refuse(`state ${name} has entry or exit actions`);
    if (node.invoke.length > 0 || node.after.length > 0) refuse(`state ${name} invokes or waits`);
    const branches = (list: readonly AnyTransition[]) => list.map((one) => branchOf(machine, one, refuse));
    if (Object.keys(node.on).some((type) => type.includes('*'))) refuse(`state ${name} takes events by wildcard`);
    const on = Object.entries(node.on).map(
      ([type, list]) => [type, branches(list as readonly AnyTransition[])] as const,
    );
    states.set(name, { on: new Map(on), always: branches((node.always ?? []) as readonly AnyTransition[]) });
  }
  return states;
}

interface AnyTransition {
  readonly target: readonly { readonly key: string }[] | undefined;
  readonly guard?: unknown;
  readonly actions: readonly unknown[];
}

function branchOf(machine: AnyStateMachine, transition: AnyTransition, refuse: (what: string) => never): Branch {
  const { guards, actions } = machine.implementations;
  const named = <T>(what: unknown, implementations: object): T => {
    const found = typeof what === 'string' ? (implementations as Record<string, unknown>)[what] : what;
    return typeof found === 'function' ? (found as T) : refuse(`${String(what)} is not a function`);
  };
  return {
    guard: transition.guard === undefined ? undefined : named(transition.guard, guards),
    target: transition.target?.[0]?.key,
    steps: transition.actions.map((action) => stepOf(named(action, actions), refuse)),
  };
}

interface AnyAction {
  (told: Told): unknown;
  readonly type?: string;
  readonly assignment?: unknown;
  /** Only actions that xstate itself makes have it. */
  readonly resolve?: unknown;
}

function stepOf(action: AnyAction, refuse: (what: string) => never): Step {
  if (action.type === 'xstate.assign' && typeof action.assignment === 'function') {
    const assignment = action.assignment as (told: Told) => object;
    return (told) => ({ ...told.context, ...assignment(told) });
  }
  if (action.resolve !== undefined) refuse(`the action ${action.type}`);
  return (told) => {
    action(told);
    return undefined;
  };
}

import { type AnyStateMachine, StateMachine } from 'xstate';

const methods = ['transition', 'getInitialSnapshot', 'getPersistedSnapshot', 'restoreSnapshot', 'start'] as const;
const kinds = ['actions', 'guards', 'actors', 'delays'] as const;
const prototype: AnyStateMachine = StateMachine.prototype;

/**
 * Lets machines that were made of one by `provide` share its state nodes. xstate builds the whole tree of states again for each, which a process does
 * a few times and a simulation some hundred times per run. Implementations are looked up in the machine of the snapshot, so each keeps its own.
 * @returns puts xstate's own `provide` back
 */
export function shareMachines(): () => void {
  const { provide } = prototype;
  prototype.provide = function (this: AnyStateMachine, given) {
    const implementations = Object.fromEntries(
      kinds.map((kind) => [kind, { ...this.implementations[kind], ...given[kind] }]),
    );
    const machine = Object.assign(Object.create(prototype), this, { implementations }) as AnyStateMachine;
    for (const name of methods) Object.assign(machine, { [name]: prototype[name].bind(machine) });
    return machine;
  };
  return () => {
    prototype.provide = provide;
  };
}

import type { AnyStateNode } from 'xstate';

/** The fields of an xstate transition that a label is made from. */
export interface TransitionLike {
  readonly eventType: string;
  readonly guard?: unknown;
  readonly actions: readonly unknown[];
  readonly delay?: number | string | undefined;
}

/** `event [guard] / action, action`, as far as there are such parts. */
export function transitionLabel(transition: TransitionLike, source: AnyStateNode): string {
  const guard = transition.guard === undefined ? '' : `[${guardLabel(transition.guard)}]`;
  const actions = actionNames(transition.actions);
  const effect = actions.length > 0 ? `/ ${actions.join(', ')}` : '';
  return [eventLabel(transition, source), guard, effect].filter((part) => part !== '').join(' ');
}

/** The event as a reader knows it: xstate's own `xstate.after.*`, `xstate.done.*` and `xstate.error.*` are put in words. */
function eventLabel(transition: TransitionLike, source: AnyStateNode): string {
  const { eventType, delay } = transition;
  if (delay !== undefined) return `after ${delayLabel(delay)}`;
  if (eventType === '*') return 'any other event';
  const [, kind, id] = /^xstate\.(done\.actor|error\.actor|snapshot|done\.state)\.(.*)$/.exec(eventType) ?? [];
  if (kind === undefined) return eventType;
  if (kind === 'done.state') return 'done';
  const invoked = source.invoke.find((each) => each.id === id);
  const name = invoked ? invokeLabel(invoked.src) : id;
  const word = { 'done.actor': 'done', 'error.actor': 'failed', snapshot: 'snapshot' }[kind];
  return `${name} ${word}`;
}

export function delayLabel(delay: number | string): string {
  return typeof delay === 'number' ? `${delay} ms` : delay;
}

export function invokeLabel(src: unknown): string {
  if (typeof src === 'string') return src;
  return (src as { id?: string }).id ?? 'inline actor';
}

function guardLabel(guard: unknown): string {
  if (typeof guard === 'string') return guard;
  if (typeof guard !== 'function') return (guard as { type: string }).type;
  const parts = (guard as { guards?: readonly unknown[] }).guards;
  if (!parts) return 'inline guard';
  const labels = parts.map(guardLabel);
  return guard.name === 'not' ? `not ${labels[0]}` : labels.join(` ${guard.name} `);
}

/** Names of actions; those that xstate adds for its own delays and invocations are left out. */
export function actionNames(actions: readonly unknown[]): string[] {
  return actions.filter((action) => !isInternal(action)).map(actionName);
}

/** xstate schedules an `after` by a raise on entry and a cancel on exit, and starts and stops what is invoked alike. */
function isInternal(action: unknown): boolean {
  const { type, event, sendId } = action as { type?: string; event?: { type?: string }; sendId?: unknown };
  if (type === 'xstate.raise') return String(event?.type).startsWith('xstate.after.');
  if (type === 'xstate.cancel') return String(sendId).startsWith('xstate.after.');
  return type === 'xstate.stopChild' && String((action as { actorRef?: unknown }).actorRef).match(/^\d+\./) !== null;
}

function actionName(action: unknown): string {
  if (typeof action === 'string') return action;
  const { type, event } = action as { type?: string; event?: unknown };
  if (type === undefined) return 'inline action';
  const name = type.replace(/^xstate\./, '');
  const raised = (event as { type?: string } | undefined)?.type;
  return name === 'raise' && raised ? `raise ${raised}` : name;
}

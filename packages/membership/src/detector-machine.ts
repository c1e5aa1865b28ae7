import { setup } from 'xstate';
import { type Evidence, judge, type Suspicion } from './detector-core.ts';

export type DetectorEvent =
  /** Something was learnt of the peer; {@link judge} weighs it. */
  | { readonly type: 'evidence.gathered'; readonly evidence: Evidence }
  /** The peer sent a message: it can reach this node. Whether this node can reach it, a probe tells. */
  | { readonly type: 'peer.contacted' }
  /** A round has passed: what is not settled is probed again. */
  | { readonly type: 'round.passed' };

/**
 * The failure detector of one peer. It decides what to believe and when to probe; the probing itself, and who is told, are actions that
 * are provided from outside. The hot path never comes here: evidence that cannot change anything is stopped before (see `detectors.ts`).
 */
export const detectorMachine = setup({
  types: { events: {} as DetectorEvent },
  guards: {
    judgedUp: (_, params: { from: Suspicion; event: DetectorEvent }) => verdict(params) === 'up',
    judgedSuspect: (_, params: { from: Suspicion; event: DetectorEvent }) => verdict(params) === 'suspect',
    judgedDown: (_, params: { from: Suspicion; event: DetectorEvent }) => verdict(params) === 'down',
  },
  actions: {
    /** Ask the peer for a sign of life, with a short deadline, unless a probe is under way. */
    probe: () => undefined,
    announceUp: () => undefined,
    announceDown: () => undefined,
  },
}).createMachine({
  id: 'detector',
  initial: 'up',
  states: {
    up: {
      description: 'Requests are sent to the peer.',
      on: {
        'evidence.gathered': [
          { guard: { type: 'judgedSuspect', params: ({ event }) => ({ from: 'up', event }) }, target: 'suspect' },
          {
            guard: { type: 'judgedDown', params: ({ event }) => ({ from: 'up', event }) },
            target: 'down',
            actions: 'announceDown',
          },
        ],
      },
    },
    suspect: {
      description: 'A request went unanswered, or the peer is silent. Requests are still sent to it; a probe decides.',
      entry: 'probe',
      on: {
        'peer.contacted': { actions: 'probe' },
        'round.passed': { actions: 'probe' },
        'evidence.gathered': [
          { guard: { type: 'judgedUp', params: ({ event }) => ({ from: 'suspect', event }) }, target: 'up' },
          {
            guard: { type: 'judgedDown', params: ({ event }) => ({ from: 'suspect', event }) },
            target: 'down',
            actions: 'announceDown',
          },
        ],
      },
    },
    down: {
      description: 'Requests go to others. It is probed once a round, and at once when it makes contact.',
      entry: 'probe',
      on: {
        'peer.contacted': { actions: 'probe' },
        'round.passed': { actions: 'probe' },
        'evidence.gathered': {
          guard: { type: 'judgedUp', params: ({ event }) => ({ from: 'down', event }) },
          target: 'up',
          actions: 'announceUp',
        },
      },
    },
  },
});

function verdict({ from, event }: { from: Suspicion; event: DetectorEvent }): Suspicion {
  return event.type === 'evidence.gathered' ? judge(from, event.evidence) : from;
}

import { assign, setup } from 'xstate';
import { type Doubt, type Evidence, isConfirmed, judge, noDoubt, type Suspicion } from './detector-core.ts';

export type DetectorEvent =
  /** Something was learnt of the peer; {@link judge} weighs it. */
  | { readonly type: 'evidence.gathered'; readonly evidence: Evidence }
  /** The peer sent a message, or others have news of it. Whether this node can reach it, a probe tells. */
  | { readonly type: 'peer.contacted' }
  /** A round has passed: what is not settled is probed again. */
  | { readonly type: 'round.passed' };

export interface DetectorContext {
  readonly doubt: Doubt;
}

type Weighed = { readonly from: Suspicion; readonly doubt: Doubt; readonly event: DetectorEvent };

/**
 * The failure detector of one peer. It decides what to believe and when to probe; the probing itself, and who is told, are actions that
 * are provided from outside. The hot path never comes here: evidence that cannot change anything is stopped before (see `detectors.ts`).
 */
export const detectorMachine = setup({
  types: { context: {} as DetectorContext, events: {} as DetectorEvent },
  guards: {
    judgedUp: (_, params: Weighed) => verdict(params).suspicion === 'up',
    judgedSuspect: (_, params: Weighed) => verdict(params).suspicion === 'suspect',
    judgedDown: (_, params: Weighed) => verdict(params).suspicion === 'down',
    probeEnded: (_, { event }: Weighed) => event.type === 'evidence.gathered' && event.evidence.kind === 'probed',
  },
  actions: {
    /** Ask the peer for a sign of life, with a short deadline, unless that is under way. */
    ping: () => undefined,
    /** Ask the peer several times, and others whether it answers them, unless that is under way. */
    probe: () => undefined,
    weigh: assign((_, params: Weighed) => ({ doubt: verdict(params).doubt })),
    forgetDoubt: assign({ doubt: noDoubt }),
    announceUp: () => undefined,
    /** `confirmed`: by others, or by evidence that needs no confirmation; else it is only out of this node's reach. */
    announceDown: (_, _params: { confirmed: boolean }) => undefined,
  },
}).createMachine({
  id: 'detector',
  context: { doubt: noDoubt },
  initial: 'up',
  states: {
    up: {
      description: 'Requests are sent to the peer.',
      entry: 'forgetDoubt',
      on: {
        'evidence.gathered': [
          {
            guard: { type: 'judgedSuspect', params: ({ context, event }) => weighed('up', context, event) },
            target: 'suspect',
            actions: { type: 'weigh', params: ({ context, event }) => weighed('up', context, event) },
          },
          {
            guard: { type: 'judgedDown', params: ({ context, event }) => weighed('up', context, event) },
            target: 'down',
            actions: { type: 'announceDown', params: { confirmed: true } },
          },
        ],
      },
    },
    suspect: {
      description:
        'A request went unanswered, the peer is silent, or another node believes it is down. Requests are still sent to it. It is probed, ' +
        'through others too, until it answers or enough speaks against it.',
      entry: 'probe',
      on: {
        'round.passed': { actions: 'probe' },
        'evidence.gathered': [
          {
            guard: { type: 'judgedUp', params: ({ context, event }) => weighed('suspect', context, event) },
            target: 'up',
          },
          {
            guard: { type: 'judgedDown', params: ({ context, event }) => weighed('suspect', context, event) },
            target: 'down',
            actions: {
              type: 'announceDown',
              params: ({ context, event }) => confirmation(weighed('suspect', context, event)),
            },
          },
          {
            guard: { type: 'probeEnded', params: ({ context, event }) => weighed('suspect', context, event) },
            target: 'suspect',
            reenter: true,
            actions: { type: 'weigh', params: ({ context, event }) => weighed('suspect', context, event) },
          },
          { actions: { type: 'weigh', params: ({ context, event }) => weighed('suspect', context, event) } },
        ],
      },
    },
    down: {
      description:
        'Requests go to others. It is pinged about once a round, and at once when it makes contact or others have news of it.',
      entry: ['forgetDoubt', 'ping'],
      on: {
        'peer.contacted': { actions: 'ping' },
        'round.passed': { actions: 'ping' },
        'evidence.gathered': {
          guard: { type: 'judgedUp', params: ({ context, event }) => weighed('down', context, event) },
          target: 'up',
          actions: 'announceUp',
        },
      },
    },
  },
});

function weighed(from: Suspicion, { doubt }: DetectorContext, event: DetectorEvent): Weighed {
  return { from, doubt, event };
}

function verdict({ from, doubt, event }: Weighed): { suspicion: Suspicion; doubt: Doubt } {
  const belief = { suspicion: from, doubt };
  return event.type === 'evidence.gathered' ? judge(belief, event.evidence) : belief;
}

function confirmation(params: Weighed): { confirmed: boolean } {
  return { confirmed: isConfirmed(verdict(params).doubt) };
}

import { describe, expect, it } from 'vitest';
import { createActor } from 'xstate';
import { isPunctual, listenedMs } from '../src/detector-core.ts';
import { Detectors } from '../src/detectors.ts';
import { detectorMachine, type Evidence, judge, type Suspicion, suspectAfterMs } from '../src/index.ts';
import { ManualClock } from './support/manual-clock.ts';

const silent: Evidence = { kind: 'silent', silentMs: 5000, limitMs: 5000 };
const quiet: Evidence = { kind: 'silent', silentMs: 4999, limitMs: 5000 };

/** [believed, evidence, believed then] */
const table: [Suspicion, Evidence, Suspicion][] = [
  ['up', { kind: 'answered' }, 'up'],
  ['up', { kind: 'no-responders' }, 'down'],
  ['up', { kind: 'refused' }, 'down'],
  ['up', { kind: 'unanswered' }, 'suspect'],
  ['up', { kind: 'probe-unanswered' }, 'suspect'],
  ['up', silent, 'suspect'],
  ['up', quiet, 'up'],
  ['suspect', { kind: 'answered' }, 'up'],
  ['suspect', { kind: 'no-responders' }, 'down'],
  ['suspect', { kind: 'refused' }, 'down'],
  ['suspect', { kind: 'unanswered' }, 'suspect'],
  ['suspect', { kind: 'probe-unanswered' }, 'down'],
  ['suspect', silent, 'suspect'],
  ['down', { kind: 'answered' }, 'up'],
  ['down', { kind: 'no-responders' }, 'down'],
  ['down', { kind: 'refused' }, 'down'],
  ['down', { kind: 'unanswered' }, 'down'],
  ['down', { kind: 'probe-unanswered' }, 'down'],
  ['down', silent, 'down'],
];

/** Evidence that brings a fresh detector into a state. */
const paths: Record<Suspicion, Evidence[]> = {
  up: [],
  suspect: [{ kind: 'unanswered' }],
  down: [{ kind: 'no-responders' }],
};

describe('the detector', () => {
  it.each(table)('that believes "%s" and learns %o believes "%s"', (from, evidence, to) => {
    expect(judge(from, evidence)).toBe(to);
    const actor = createActor(detectorMachine).start();
    for (const step of paths[from]) actor.send({ type: 'evidence.gathered', evidence: step });
    expect(actor.getSnapshot().value).toBe(from);
    actor.send({ type: 'evidence.gathered', evidence });
    expect(actor.getSnapshot().value).toBe(to);
  });

  it('waits for silence as long as gossip needs to reach everybody', () => {
    expect([2, 3, 5, 10, 100].map((nodes) => suspectAfterMs(nodes, 1000))).toEqual([3000, 4000, 5000, 7000, 13000]);
  });

  it('counts neither a pause of its own process nor a lost connection as silence', () => {
    expect(listenedMs(1100, 1000, true)).toBe(1100);
    expect(listenedMs(2001, 1000, true)).toBe(0);
    expect(listenedMs(1000, 1000, false)).toBe(0);
    expect(isPunctual(250, 250)).toBe(true);
    expect(isPunctual(600, 250)).toBe(false);
  });
});

describe('the detectors', () => {
  function watching(...nodes: string[]) {
    const clock = new ManualClock();
    const probed: string[] = [];
    const seen: string[] = [];
    const detectors = new Detectors({
      clock,
      roundMs: 1000,
      probe: (node) => probed.push(node),
      onTransition: (node, status) => seen.push(`${node} ${status} ${detectors.suspicionOf(node)}`),
      onError: (error) => seen.push(String(error)),
    });
    detectors.watch(new Set(nodes));
    const round = async (connected = true) => {
      await clock.pass(1000);
      detectors.roundPassed(connected);
    };
    return { clock, probed, seen, detectors, round };
  }

  it('probe a peer that left a request unanswered once, however many reports come', () => {
    const { detectors, probed, seen } = watching('n2');
    for (let i = 0; i < 100; i++) detectors.doubted('n2', { kind: 'unanswered' });
    expect(probed).toEqual(['n2']);
    expect(seen).toEqual([]);
    detectors.doubted('n2', { kind: 'probe-unanswered' });
    detectors.answered('n2');
    expect(seen).toEqual(['n2 down down', 'n2 up up']);
  });

  it('suspect a silent peer, and none that others have news of', async () => {
    const { detectors, round } = watching('n2', 'n3', 'n4', 'n5');
    for (let i = 0; i < 5; i++) {
      detectors.rumoured('n3');
      await round();
    }
    expect(detectors.suspicionOf('n2')).toBe('suspect');
    expect(detectors.suspicionOf('n3')).toBe('up');
  });

  it('do not take their own absence for silence of the others', async () => {
    const { detectors, clock, round } = watching('n2');
    await clock.pass(60_000);
    detectors.roundPassed(true);
    for (let i = 0; i < 10; i++) await round(false);
    await round();
    expect(detectors.suspicionOf('n2')).toBe('up');
  });

  it('probe what is down once a round, and at once on contact', async () => {
    const { detectors, probed, round } = watching('n2');
    detectors.doubted('n2', { kind: 'no-responders' });
    expect(probed).toHaveLength(1);
    await round();
    await round();
    expect(probed).toHaveLength(3);
    detectors.contacted('n2');
    expect(probed).toHaveLength(4);
    expect(detectors.suspicionOf('n2')).toBe('down');
  });

  it('forget peers that are no longer watched', () => {
    const { detectors } = watching('n2', 'n3');
    detectors.doubted('n2', { kind: 'no-responders' });
    detectors.watch(new Set(['n3']));
    expect(detectors.suspicionOf('n2')).toBeUndefined();
    expect(detectors.nodes).toEqual(['n3']);
  });
});

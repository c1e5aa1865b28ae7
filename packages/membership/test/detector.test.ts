import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createActor } from 'xstate';
import {
  type Belief,
  downPhi,
  healthAfter,
  isPunctual,
  listenedMs,
  noDoubt,
  outOfReachPhi,
  suspectPhi,
  wardOf,
} from '../src/detector-core.ts';
import { Detectors } from '../src/detectors.ts';
import { detectorMachine, type Evidence, judge, type Suspicion, suspectAfterMs } from '../src/index.ts';
import { LocalHealth } from '../src/local-health.ts';
import { ManualClock } from './support/manual-clock.ts';

const silent: Evidence = { kind: 'silent', phi: suspectPhi };
const quiet: Evidence = { kind: 'silent', phi: suspectPhi - 0.1 };
const unanswered: Evidence = { kind: 'unanswered', phi: 2 };

/** What a probe in a good network says: three pings lost, and what each helper says after two of its own. */
function probed(
  helpers: number,
  denied: number,
  vouched = false,
  phiPerTry = 2,
): Extract<Evidence, { kind: 'probed' }> {
  const denials = { count: denied, phi: 2 * phiPerTry };
  return { kind: 'probed', phi: 3 * phiPerTry, helpers, denials, vouched };
}

/** [believed, evidence, believed then] */
const table: [Suspicion, Evidence, Suspicion][] = [
  ['up', { kind: 'answered' }, 'up'],
  ['up', { kind: 'no-responders' }, 'down'],
  ['up', { kind: 'refused' }, 'down'],
  ['up', unanswered, 'suspect'],
  ['up', { kind: 'accused', phi: 4 }, 'suspect'],
  ['up', { kind: 'refuted' }, 'up'],
  ['up', probed(3, 3), 'up'],
  ['up', silent, 'suspect'],
  ['up', quiet, 'up'],
  ['suspect', { kind: 'answered' }, 'up'],
  ['suspect', { kind: 'no-responders' }, 'down'],
  ['suspect', { kind: 'refused' }, 'down'],
  ['suspect', unanswered, 'suspect'],
  ['suspect', { kind: 'accused', phi: 100 }, 'suspect'],
  ['suspect', { kind: 'silent', phi: 100 }, 'suspect'],
  ['suspect', { kind: 'refuted' }, 'suspect'],
  ['suspect', probed(3, 1), 'down'],
  ['suspect', probed(1, 1), 'down'],
  // Nobody else can be asked: it decides alone.
  ['suspect', probed(0, 0), 'down'],
  // Others could be asked, but say nothing, or reach it: not yet.
  ['suspect', probed(3, 0), 'suspect'],
  ['suspect', probed(3, 2, true), 'suspect'],
  // One in ten requests is lost: a probe that fails says less.
  ['suspect', probed(0, 0, false, 1), 'suspect'],
  ['suspect', probed(3, 1, false, 1), 'suspect'],
  ['suspect', probed(3, 2, false, 1), 'down'],
  ['down', { kind: 'answered' }, 'up'],
  ['down', { kind: 'no-responders' }, 'down'],
  ['down', { kind: 'refused' }, 'down'],
  ['down', unanswered, 'down'],
  ['down', { kind: 'refuted' }, 'down'],
  ['down', probed(3, 0, true), 'down'],
  ['down', silent, 'down'],
];

/** Evidence that brings a fresh detector into a state. */
const paths: Record<Suspicion, Evidence[]> = {
  up: [],
  suspect: [unanswered],
  down: [{ kind: 'no-responders' }],
};

function judged(evidence: readonly Evidence[]): Belief {
  return evidence.reduce<Belief>(judge, { suspicion: 'up', doubt: noDoubt });
}

const phi = fc.double({ min: 0, max: 4, noNaN: true });
const soft: fc.Arbitrary<Evidence> = fc.oneof(
  fc.record({ kind: fc.constantFrom('unanswered' as const, 'silent' as const, 'accused' as const), phi }),
  fc.constant<Evidence>({ kind: 'refuted' }),
);
const probe = fc
  .tuple(phi, fc.nat(3), fc.nat(3), phi, fc.boolean())
  .map(([own, helpers, said, each, vouched]): Evidence => {
    const count = Math.min(said, helpers);
    return { kind: 'probed', phi: own, helpers, denials: { count, phi: each }, vouched: vouched && count < helpers };
  });

describe('the detector', () => {
  it.each(table)('that believes "%s" and learns %o believes "%s"', (from, evidence, to) => {
    expect(judged([...paths[from], evidence]).suspicion).toBe(to);
    const actor = createActor(detectorMachine).start();
    for (const step of paths[from]) actor.send({ type: 'evidence.gathered', evidence: step });
    expect(actor.getSnapshot().value).toBe(from);
    actor.send({ type: 'evidence.gathered', evidence });
    expect(actor.getSnapshot().value).toBe(to);
  });

  it('never believes a peer down by soft evidence before a probe has ended', () => {
    const believed = fc.array(soft).map((evidence) => judged(evidence).suspicion);
    fc.assert(fc.property(believed, (suspicion) => suspicion !== 'down'));
  });

  it('believes a peer down only as far as what speaks against it adds up, and others confirm it where they can', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(soft, probe), { maxLength: 12 }), (evidence) => {
        let belief = judged([]);
        for (const piece of evidence) {
          belief = judge(belief, piece);
          if (belief.suspicion !== 'down') continue;
          const { own, disproved, others, asked } = belief.doubt;
          expect(piece.kind).toBe('probed');
          if (own > outOfReachPhi - 0.01) return;
          expect(own - disproved + others).toBeGreaterThan(downPhi - 0.01);
          if (asked) expect(others).toBeGreaterThan(0);
          return;
        }
      }),
    );
  });

  it('gives up a suspect at last, however much is lost and whatever the others say', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.1, max: 2, noNaN: true }), fc.nat(3), fc.boolean(), (each, helpers, vouched) => {
        const rounds = Math.ceil(outOfReachPhi / (3 * each));
        const evidence = Array.from({ length: rounds }, () => probed(helpers, 0, vouched && helpers > 0, each));
        expect(judged([unanswered, ...evidence]).suspicion).toBe('down');
      }),
    );
  });

  it('probes again after each probe that decides nothing, and starts anew with each suspicion', () => {
    let probes = 0;
    const actor = createActor(detectorMachine.provide({ actions: { probe: () => (probes += 1) } })).start();
    const learn = (evidence: Evidence) => actor.send({ type: 'evidence.gathered', evidence });
    learn(unanswered);
    learn(probed(3, 0, true));
    learn(probed(3, 0, true));
    expect(probes).toBe(3);
    expect(actor.getSnapshot().context.doubt).toEqual({ own: 14, disproved: 14, others: 0, asked: true });
    learn({ kind: 'answered' });
    expect(actor.getSnapshot().context.doubt).toEqual(noDoubt);
  });

  it('waits for silence at first as long as gossip needs to reach everybody', () => {
    expect([2, 3, 5, 10, 100].map((nodes) => suspectAfterMs(nodes, 1000))).toEqual([3000, 4000, 5000, 7000, 13000]);
  });

  it('counts neither a pause of its own process nor a lost connection as silence', () => {
    expect(listenedMs(1100, 1000, true)).toBe(1100);
    expect(listenedMs(2001, 1000, true)).toBe(0);
    expect(listenedMs(1000, 1000, false)).toBe(0);
    expect(isPunctual(250, 250)).toBe(true);
    expect(isPunctual(600, 250)).toBe(false);
  });

  it('of a node in trouble is more patient, up to a bound, and as before after as many calm rounds', () => {
    const health = new LocalHealth();
    for (let i = 0; i < 20; i++) health.worsen();
    expect(health.patience).toBe(4);
    const patiences = Array.from({ length: 5 }, () => {
      health.roundPassed();
      return health.patience;
    });
    expect(patiences).toEqual([4, 3, 2, 1, 1]);
    expect(healthAfter(0, 'calm')).toBe(0);
  });
});

describe('wards', () => {
  it('are shared out so that each node has exactly one that watches it', () => {
    const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 30 });
    fc.assert(
      fc.property(names, (nodes) => {
        const wards = nodes.map((self) =>
          wardOf(
            self,
            nodes.filter((node) => node !== self),
          ),
        );
        expect(new Set(wards)).toEqual(new Set(nodes));
      }),
    );
    expect(wardOf('n1', [])).toBeUndefined();
  });
});

describe('the detectors', () => {
  function watching(...nodes: string[]) {
    const clock = new ManualClock();
    const probed: string[] = [];
    const pinged: string[] = [];
    const seen: string[] = [];
    const incarnations = new Map<string, number>();
    const detectors = new Detectors({
      self: 'n1',
      clock,
      health: new LocalHealth(),
      roundMs: 1000,
      ping: (node) => pinged.push(node),
      probe: (node) => probed.push(node),
      phiPerTry: () => 2,
      incarnationOf: (node) => incarnations.get(node),
      onTransition: (node, status) => seen.push(`${node} ${status} ${detectors.suspicionOf(node)}`),
      onForgotten: (node) => seen.push(`${node} forgotten`),
      onError: (error) => seen.push(String(error)),
    });
    detectors.watch(new Set(nodes));
    const round = async (connected = true) => {
      await clock.pass(1000);
      detectors.roundPassed(connected);
    };
    return { clock, probed, pinged, seen, incarnations, detectors, round };
  }

  it('probe a peer that left a request unanswered once, however many reports come', () => {
    const { detectors, probed: probes, seen } = watching('n2');
    for (let i = 0; i < 100; i++) detectors.doubted('n2', { kind: 'unanswered' });
    expect(probes).toEqual(['n2']);
    expect(seen).toEqual([]);
    detectors.probed('n2', probed(0, 0));
    detectors.answered('n2');
    expect(seen).toEqual(['n2 down down', 'n2 up up']);
  });

  it('suspect a silent peer, and none that others have news of', async () => {
    const { detectors, round } = watching('n2', 'n3', 'n4', 'n5');
    for (let i = 0; i < 6; i++) {
      detectors.rumoured('n3');
      await round();
    }
    expect(detectors.suspicionOf('n2')).toBe('suspect');
    expect(detectors.suspicionOf('n3')).toBe('up');
  });

  it('get used to news that comes rarely', async () => {
    const { detectors, round } = watching('n2', 'n3', 'n4', 'n5');
    const after = async (rounds: number) => {
      for (let i = 0; i < rounds; i++) await round();
      const suspicion = detectors.suspicionOf('n2');
      detectors.answered('n2');
      detectors.rumoured('n2');
      return suspicion;
    };
    expect(await after(8)).toBe('suspect');
    for (let i = 0; i < 20; i++) await after(4 + (i % 5));
    expect(await after(8)).toBe('up');
    expect(await after(30)).toBe('suspect');
  });

  it('do not take their own absence for silence of the others', async () => {
    const { detectors, clock, round } = watching('n2');
    await clock.pass(60_000);
    detectors.roundPassed(true);
    for (let i = 0; i < 10; i++) await round(false);
    await round();
    expect(detectors.suspicionOf('n2')).toBe('up');
  });

  it('ping what is down once a round, and at once on contact or news of it', async () => {
    const { detectors, pinged, round, clock } = watching('n2');
    detectors.doubted('n2', { kind: 'no-responders' });
    expect(pinged).toHaveLength(1);
    await round();
    await round();
    expect(pinged).toHaveLength(3);
    detectors.contacted('n2');
    expect(pinged).toHaveLength(4);
    await clock.pass(100);
    for (let i = 0; i < 100; i++) detectors.rumoured('n2');
    expect(pinged).toHaveLength(5);
    expect(detectors.suspicionOf('n2')).toBe('down');
  });

  it('do as much work in a round however many are down, and none is left out', async () => {
    const nodes = Array.from({ length: 40 }, (_, i) => `n${i + 2}`);
    const { detectors, pinged, round } = watching(...nodes);
    for (const node of nodes) detectors.doubted(node, { kind: 'no-responders' });
    pinged.length = 0;
    await round();
    expect(pinged).toHaveLength(4);
    for (let i = 0; i < 9; i++) await round();
    expect([...pinged].sort()).toEqual([...nodes].sort());
  });

  it('ping their ward once a round, unless it answered something meanwhile', async () => {
    const { detectors, pinged, round } = watching('n2', 'n3', 'n4');
    await round();
    expect(pinged).toEqual(['n2']);
    detectors.answered('n2');
    await round();
    expect(pinged).toEqual(['n2']);
    detectors.doubted('n2', { kind: 'no-responders' });
    pinged.length = 0;
    await round();
    expect(pinged).toEqual(['n2', 'n3']);
  });

  it('ask only peers that are up for help, and not the suspect', () => {
    const { detectors } = watching('n2', 'n3', 'n4', 'n5');
    detectors.doubted('n2', { kind: 'unanswered' });
    detectors.doubted('n3', { kind: 'unanswered' });
    detectors.doubted('n4', { kind: 'no-responders' });
    expect(detectors.helpersFor('n2')).toEqual(['n5']);
  });

  it('probe whom others accuse, and only ping it where it has refuted that already', () => {
    const { detectors, probed: probes, pinged, incarnations } = watching('n2', 'n3');
    incarnations.set('n2', 7).set('n3', 8);
    expect(detectors.accused('n2', 7)).toBe(true);
    expect(detectors.accused('n3', 7)).toBe(false);
    expect(detectors.accused('n9', 7)).toBe(false);
    expect(probes).toEqual(['n2']);
    expect(pinged).toEqual(['n3']);
    expect(detectors.suspicionOf('n3')).toBe('up');
    // With its own probe unanswered too, the accusation is enough.
    detectors.probed('n2', probed(3, 0));
    expect(detectors.suspicionOf('n2')).toBe('down');
  });

  it('do not believe the others any more once the suspect has refuted them by a higher incarnation', () => {
    const { detectors, incarnations } = watching('n2');
    incarnations.set('n2', 7);
    detectors.accused('n2', 7);
    detectors.rumoured('n2');
    incarnations.set('n2', 8);
    detectors.rumoured('n2');
    detectors.probed('n2', probed(3, 0));
    expect(detectors.suspicionOf('n2')).toBe('suspect');
    detectors.answered('n2');
    expect(detectors.suspicionOf('n2')).toBe('up');
  });

  it('forget peers that are no longer watched', () => {
    const { detectors, seen } = watching('n2', 'n3');
    detectors.doubted('n2', { kind: 'no-responders' });
    detectors.watch(new Set(['n3']));
    expect(detectors.suspicionOf('n2')).toBeUndefined();
    expect(detectors.nodes).toEqual(['n3']);
    expect(seen).toContain('n2 forgotten');
  });
});

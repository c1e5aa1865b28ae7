import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deltasBeyond, digestOf, type PeerTable } from '../src/digest-core.ts';
import { maxGossipBytes } from '../src/gossip-core.ts';
import type { NodeInfo } from '../src/index.ts';
import { PeerNews } from '../src/peer-news.ts';
import { bornAt, hearProfile, liveOn, type PeerState, profileBytes, profileOf } from '../src/peer-state-core.ts';
import { stampBytes } from '../src/stamps-core.ts';
import { ManualClock } from './support/manual-clock.ts';
import { exchange } from './support/news.ts';
import { wire } from './support/wire.ts';

const info: fc.Arbitrary<NodeInfo> = fc.record(
  {
    version: fc.string({ maxLength: 32 }),
    hintsHeld: fc.nat(),
    http: fc.string({ maxLength: 256, unit: 'binary' }).filter((text) => text.length <= 256),
    pid: fc.nat(),
    storage: fc.constantFrom('serving', 'readOnly'),
  },
  { requiredKeys: ['version', 'hintsHeld'] },
);

/** The lives of one node: each a start and what its info was at later beats. */
const lives = fc.array(
  fc.record({ after: fc.integer({ min: 1, max: 2 ** 40 }), infos: fc.array(info, { minLength: 1, maxLength: 4 }) }),
  { minLength: 1, maxLength: 3 },
);

/** Every state that the node was ever in. */
function statesOf(given: { after: number; infos: NodeInfo[] }[]): PeerState[] {
  let incarnation = 0;
  return given.flatMap(({ after, infos }) => {
    incarnation += after;
    let state = bornAt(incarnation);
    return infos.map((now, at) => (state = liveOn(state, 10 * at, now)));
  });
}

describe('a state', () => {
  it('is never a mixture, whatever is heard in whatever order, and the latest once that was heard', () => {
    const hearings = fc.array(fc.tuple(fc.nat(), fc.nat(3), fc.nat(3), fc.boolean()), { maxLength: 30 });
    fc.assert(
      fc.property(lives, hearings, (given, steps) => {
        const states = statesOf(given);
        const last = states.at(-1) as PeerState;
        const listeners: (PeerState | undefined)[] = [undefined, undefined, undefined, undefined];
        const hear = (who: number, from: PeerState | undefined, whole: boolean) => {
          if (from === undefined) return;
          const known = listeners[who];
          const same = known?.incarnation === from.incarnation;
          const since = whole || !same ? 0 : known.infoVersion;
          listeners[who] = hearProfile(known, profileOf('n1', from, since));
        };
        // From the node itself at some time, or from one another.
        for (const [at, who, from, relayed] of steps)
          hear(who, relayed ? listeners[from] : states[at % states.length], at % 2 === 0);
        for (const state of listeners) {
          if (state === undefined || state.infoVersion === 0) continue;
          const was = states.find((s) => s.incarnation === state.incarnation && s.infoVersion === state.infoVersion);
          expect(state.info).toEqual(was?.info);
        }
        for (const who of listeners.keys()) {
          hear(who, last, false);
          expect(listeners[who]).toMatchObject({ incarnation: last.incarnation, beat: last.beat, info: last.info });
        }
      }),
    );
  });

  it('is told again only when something has changed', () => {
    const state = liveOn(bornAt(5), 1, { version: '1', hintsHeld: 0 });
    expect(profileOf('n1', state, 1)).toEqual({ node: 'n1', incarnation: 5, beat: 1 });
    const later = liveOn(liveOn(state, 2, { version: '1', hintsHeld: 0 }), 3, { version: '1', hintsHeld: 7 });
    expect(profileOf('n1', later, 1).info).toEqual({ since: 1, version: 2, entries: { hintsHeld: 7 } });
    const gap = hearProfile(bornAt(5), profileOf('n1', later, 1));
    expect(gap.infoVersion).toBe(0);
  });
});

const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
const table = fc.record({ incarnation: fc.nat(3), beat: fc.nat(100), infos: fc.array(info, { maxLength: 2 }) });

/** What two nodes know of the same names; either may know nothing of some. */
const pair = fc.uniqueArray(id, { minLength: 2, maxLength: 220 }).chain((names) =>
  fc.record({
    names: fc.constant(names),
    known: fc.array(fc.tuple(fc.option(table), fc.option(table)), { minLength: names.length, maxLength: names.length }),
  }),
);

function newsOf(clock: ManualClock, self: string, names: readonly string[], ownInfo: NodeInfo): PeerNews {
  const news = new PeerNews({ self, clock, info: () => ownInfo });
  news.watch(new Set(names.filter((name) => name !== self)), names);
  return news;
}

const plainInfo: NodeInfo = { version: '1', hintsHeld: 0 };

describe('two nodes', () => {
  it('come to know the same in few exchanges, none of whose messages is above the budget', async () => {
    await fc.assert(
      fc.asyncProperty(pair, info, fc.boolean(), async ({ names, known }, ownInfo, listed) => {
        const [a, b] = [names[0] as string, names[1] as string];
        const clock = new ManualClock(1000);
        const ways = [wire(a, b), wire(b, a)] as const;
        const both = [newsOf(clock, a, names, ownInfo), newsOf(clock, b, names, plainInfo)] as const;
        for (const [at, beliefs] of known.entries()) {
          for (const [who, news] of both.entries()) {
            const belief = beliefs[who as 0 | 1];
            // Of one node there is one truth: the same life and beat is the same info.
            if (belief === null || at < 2) continue;
            const born = bornAt(2 ** 40 + belief.incarnation, belief.beat);
            news.hearProfiles([profileOf(names[at] as string, liveOn(born, belief.beat, plainInfo), 0)]);
          }
        }
        const cursors = [0, 0];
        let round = 0;
        const equal = () => JSON.stringify(sorted(both[0].table())) === JSON.stringify(sorted(both[1].table()));
        for (; round < 120 && !equal(); round++) {
          const asker = round % 2;
          const start = cursors[asker] as number;
          const naming = listed ? { start } : { ids: [...names.slice(start), ...names.slice(0, start)] };
          const told = await exchange(ways[asker as 0 | 1], both[asker as 0 | 1], both[(1 - asker) as 0 | 1], naming);
          expect(told).toBeGreaterThan(0);
          cursors[asker] = (start + told) % names.length;
        }
        expect(equal()).toBe(true);
        // With what the frame says of sender, verb and deadline: two of them a second stay below 2 KB.
        for (const { sizes } of ways) for (const size of sizes) expect(size).toBeLessThan(1000);
        await Promise.all(ways.map(({ close }) => close()));
      }),
      { numRuns: 60 },
    );
  });

  it('of whom one takes the other for an earlier or later self: it goes past that', async () => {
    const clock = new ManualClock(1000);
    const [n1, n2] = [newsOf(clock, 'n1', ['n1', 'n2'], plainInfo), newsOf(clock, 'n2', ['n1', 'n2'], plainInfo)];
    n2.hearProfiles([{ node: 'n1', incarnation: 1000, beat: 77 }]);
    const [there, back] = [wire('n1', 'n2'), wire('n2', 'n1')];
    for (let turn = 0; turn < 3; turn++) {
      await exchange(there, n1, n2, { start: 0 });
      await exchange(back, n2, n1, { start: 0 });
    }
    await Promise.all([there.close(), back.close()]);
    expect(n1.table().get('n1')).toMatchObject({ incarnation: 1001, beat: 0 });
    expect(n2.table().get('n1')).toMatchObject({ incarnation: 1001, beat: 0, info: plainInfo });
  });
});

function sorted(table: PeerTable) {
  return [...table]
    .map(([name, { incarnation, beat, infoVersion, info }]) => [
      name,
      incarnation,
      beat,
      infoVersion,
      Object.entries(info ?? {}).sort(),
    ])
    .sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1));
}

describe('an answer', () => {
  const behind = fc.array(fc.nat(1000), { minLength: 1, maxLength: 300 });

  it('tells first of those who are furthest behind, and leaves a part of its bytes to infos', () => {
    fc.assert(
      fc.property(behind, fc.integer({ min: 60, max: 1000 }), (gaps, maxBytes) => {
        const names = gaps.map((_, at) => `n${at}`);
        const state = liveOn(bornAt(1_700_000_000_000), 2000, plainInfo);
        const mine = new Map(names.map((name) => [name, state]));
        const theirs = new Map(names.map((name, at) => [name, { ...state, beat: 2000 - (gaps[at] as number) }]));
        const { stamps } = digestOf(theirs, names, Infinity);
        const deltas = deltasBeyond(mine, names, stamps, maxBytes);
        const told = new Set(deltas.stamps.map(({ position }) => position));
        const rest = gaps.filter((_, at) => !told.has(at));
        const leastTold = Math.min(...[...told].map((at) => gaps[at] as number));
        expect(leastTold).toBeGreaterThanOrEqual(Math.max(0, ...rest));
        expect(rest.every((gap) => gap === 0) || told.size > 0).toBe(true);
        const bytes = deltas.stamps.reduce((sum, stamp) => sum + stampBytes(stamp, -1), 0);
        expect(bytes).toBeLessThanOrEqual(maxBytes * 0.75);
      }),
    );
  });

  it('tells infos although lives would fill it', () => {
    const names = Array.from({ length: 200 }, (_, at) => `node-${at}`);
    const mine = new Map(names.map((name) => [name, liveOn(bornAt(1_700_000_000_000), 9, plainInfo)]));
    const { profiles } = deltasBeyond(mine, names, [], maxGossipBytes);
    expect(profiles.some(({ info }) => info !== undefined)).toBe(true);
    expect(profiles.some(({ info }) => info === undefined)).toBe(true);
    expect(profiles.reduce((sum, profile) => sum + profileBytes(profile), 0)).toBeLessThanOrEqual(maxGossipBytes);
  });
});

import type { MembershipRecord } from '@ringfort/ring/contract';
import { describe, expect, it } from 'vitest';
import { Gossip } from '../src/gossip.ts';
import { defaultLimits, emptyHistory } from '../src/history-core.ts';
import { HistoryExchange } from '../src/history-exchange.ts';
import { HistoryKeeper } from '../src/history-keeper.ts';
import { type compareHistories, type gossip, memoryHistoryLog } from '../src/index.ts';
import { PeerNews } from '../src/peer-news.ts';
import { namesOf, rosterOf } from '../src/roster-core.ts';
import { ManualClock } from './support/manual-clock.ts';

type Comparing = ReturnType<(typeof compareHistories)['request']['parse']>;
type Ask = ReturnType<(typeof gossip)['request']['parse']>;

/** A node that gossips with n2, which lists the same members, or others; and whom its digests spoke of. */
function asking(count: number, sameMembers: boolean) {
  const clock = new ManualClock();
  const members = Array.from({ length: count }, (_, at) => `n${at + 1}`);
  const news = new PeerNews({ self: 'n1', clock, info: () => ({ version: '1', hintsHeld: 0 }) });
  news.watch(new Set(members.slice(1)), members);
  for (const node of members.slice(1)) news.hearProfiles([{ node, incarnation: 1_700_000_000_000, beat: 100_000 }]);
  const keeper = { history: emptyHistory, refused: new Set() } as unknown as HistoryKeeper;
  const asked: (readonly string[])[] = [];
  const roster = sameMembers ? news.roster : rosterOf(['others']);
  const bus = {
    async request(_: string, __: unknown, { about }: Ask) {
      asked.push(namesOf(about, news.roster));
      return { version: emptyHistory.version, roster: roster.id, stamps: new Uint8Array(), profiles: [] };
    },
  } as never;
  const detectors = () => ({ answered() {}, rumoured() {} }) as never;
  const histories = new HistoryExchange({ bus, keeper, news });
  const gossip = new Gossip({ bus, clock, keeper, histories, detectors, news, logger: () => undefined });
  return { gossip, asked, members };
}

describe('digests', () => {
  it.each([
    [300, true],
    [300, false],
  ])('of %i members, more than one message holds, speak of all equally often (same list: %s)', async (count, same) => {
    const { gossip, asked, members } = asking(count, same);
    for (let round = 0; round < 200; round++) await gossip.exchange('n2', 1000, 'round');
    const times = new Map(members.map((name) => [name, 0]));
    for (const names of asked) for (const name of names) times.set(name, (times.get(name) ?? 0) + 1);
    expect(Math.max(...asked.map((names) => names.length))).toBeLessThan(count);
    expect(Math.min(...times.values())).toBeGreaterThan(20);
    expect(Math.max(...times.values()) - Math.min(...times.values())).toBeLessThanOrEqual(1);
  });
});

const settings = { n: 3, r: 2, w: 2, conflict: 'siblings' } as const;

/** Two keepers whose comparisons are counted: that of n2 takes no more than `maxRecords`. */
async function twoHistories(mine: number, theirs: number, maxRecords: number) {
  const open = async (count: number, author: string, most: number) => {
    const limits = { ...defaultLimits, maxMergedRecords: most };
    const keeper = await HistoryKeeper.open({
      log: memoryHistoryLog(),
      limits,
      logger: () => undefined,
      onChange: () => undefined,
    });
    const records = Array.from({ length: count }, (_, at): MembershipRecord => {
      return { kind: 'bucket.configured', lamport: at, author, bucket: `b${at}`, settings };
    });
    await keeper.merge(records, 'test');
    return keeper;
  };
  const [own, other] = [await open(mine, 'n1', 9999), await open(theirs, 'n2', maxRecords)];
  const news = (self: string, peer: string) => {
    const made = new PeerNews({ self, clock: new ManualClock(), info: () => ({ version: '1', hintsHeld: 0 }) });
    made.watch(new Set([peer]), [self, peer]);
    return made;
  };
  const answering = new HistoryExchange({ bus: {} as never, keeper: other, news: news('n2', 'n1') });
  const counts = { asked: 0 };
  const bus = {
    async request(_: string, __: unknown, body: Comparing) {
      counts.asked += 1;
      return answering.answer('n1', body);
    },
  } as never;
  const histories = new HistoryExchange({ bus, keeper: own, news: news('n1', 'n2') });
  const compare = async () => {
    const before = counts.asked;
    await histories.level('n2', 1000, () => undefined);
    return counts.asked - before;
  };
  return { own, other, compare };
}

describe('histories', () => {
  it('that are equal are not compared again', async () => {
    const { own, other, compare } = await twoHistories(100, 70, 9999);
    expect(await compare()).toBeGreaterThan(0);
    expect(own.history.version).toEqual(other.history.version);
    expect(own.history.records.size).toBe(170);
    expect(await compare()).toBe(0);
  });

  it('that cannot be made equal are compared once, and again when one of them has changed', async () => {
    const { own, other, compare } = await twoHistories(100, 70, 70);
    expect(await compare()).toBeGreaterThan(0);
    expect([own.history.records.size, other.history.records.size]).toEqual([170, 70]);
    for (let round = 0; round < 10; round++) expect(await compare()).toBe(0);
    const bucket = { kind: 'bucket.configured', lamport: 999, author: 'n1', bucket: 'more', settings } as const;
    await own.author(() => bucket);
    expect(await compare()).toBeGreaterThan(0);
    expect(await compare()).toBe(0);
  });
});

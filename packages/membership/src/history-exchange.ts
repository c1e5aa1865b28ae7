import type { Bus } from '@ringfort/bus';
import type { MembershipRecord, RingVersion } from '@ringfort/ring/contract';
import type { z } from 'zod';
import { addressOf } from './address.ts';
import { compareHistories, type compareReplySchema, type compareRequestSchema, pushRecords } from './contract.ts';
import { sameVersion } from './history-core.ts';
import { answerComparison, type Comparison, isEmpty, openComparison } from './history-diff-core.ts';
import type { HistoryKeeper } from './history-keeper.ts';
import type { PeerNews } from './peer-news.ts';

export interface HistoryExchangeOptions {
  readonly bus: Bus;
  readonly keeper: HistoryKeeper;
  readonly news: PeerNews;
}

/** Questions of one comparison; what is still apart then is left to later rounds. */
const maxTurns = 96;
/** Comparisons that this node leads at a time: a node that lacks much does not fetch it from everybody at once. */
const maxComparisons = 4;
/** Comparisons that wait for their turn; beyond, they are left to later rounds. */
const maxWaiting = 256;

/** Makes the histories of two nodes equal; see {@link Comparison}. */
export class HistoryExchange {
  readonly #options: HistoryExchangeOptions;
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #urgent = new Map<string, Promise<void>>();

  constructor(options: HistoryExchangeOptions) {
    this.#options = options;
  }

  /**
   * Gives and takes until the peer's history is the same as this one, or nothing more can be moved. Rejects as the bus does.
   * @param onAnswer told of every version that the peer answers with.
   */
  async level(node: string, timeoutMs: number, onAnswer: (version: RingVersion) => void): Promise<void> {
    if (this.isSettled(node)) return;
    if (this.#waiting.length >= maxWaiting) return;
    if (this.#running >= maxComparisons) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
    try {
      // Meanwhile the history may have come from somebody else.
      if (!this.isSettled(node)) await this.#compare(node, timeoutMs, onAnswer);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  /**
   * As {@link level}, for requests that wait for it, because the peer was seen to know another history than this one: they share one comparison.
   * @param told the version that the peer has
   */
  levelNow(node: string, told: RingVersion | undefined, timeoutMs: number): Promise<void> {
    if (told !== undefined) this.#options.news.noteVersion(node, told);
    const running = this.#urgent.get(node);
    if (running !== undefined) return running;
    const begun = this.level(node, timeoutMs, noop).finally(() => this.#urgent.delete(node));
    this.#urgent.set(node, begun);
    return begun;
  }

  /** Whether there is nothing to compare: the peer told that it holds the same, or what cannot be made the same. */
  isSettled(node: string): boolean {
    const { keeper, news } = this.#options;
    const told = news.versionOf(node);
    const { version } = keeper.history;
    return (told !== undefined && sameVersion(told, version)) || news.isApart(node, version);
  }

  /** Answers a peer's comparison, once what it brought is safe. */
  async answer(
    from: string,
    { version, ...theirs }: z.infer<typeof compareRequestSchema>,
  ): Promise<z.infer<typeof compareReplySchema>> {
    const { keeper, news } = this.#options;
    news.noteVersion(from, version);
    if (theirs.records.length > 0) await keeper.merge(theirs.records, from);
    return { version: keeper.history.version, ...answerComparison(keeper.history, theirs, keeper.refused) };
  }

  /** Pushes a record to a peer. Rejects as the bus does. */
  async push(node: string, record: MembershipRecord, timeoutMs: number): Promise<void> {
    const { bus, news } = this.#options;
    const { version } = await bus.request(addressOf(node), pushRecords, { records: [record] }, { timeoutMs });
    news.noteVersion(node, version);
  }

  async #compare(node: string, timeoutMs: number, onAnswer: (version: RingVersion) => void): Promise<void> {
    const { bus, keeper, news } = this.#options;
    let ask = openComparison(keeper.history);
    let before = this.#versions(node);
    for (let turn = 0; turn < maxTurns; turn++) {
      const { version } = keeper.history;
      const reply = await bus.request(addressOf(node), compareHistories, { version, ...ask }, { timeoutMs });
      news.noteVersion(node, reply.version);
      onAnswer(reply.version);
      if (reply.records.length > 0) await keeper.merge(reply.records, node);
      ask = answerComparison(keeper.history, reply, keeper.refused);
      if (!isEmpty(ask)) continue;
      if (this.isSettled(node)) return;
      // Everything was said. What found no room in the messages is looked for anew, unless nothing has moved.
      if (this.#versions(node) === before) return news.noteApart(node, keeper.history.version);
      before = this.#versions(node);
      ask = openComparison(keeper.history);
    }
  }

  #versions(node: string): string {
    const { keeper, news } = this.#options;
    return JSON.stringify([keeper.history.version, news.versionOf(node)]);
  }
}

function noop(): void {}

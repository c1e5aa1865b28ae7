import type { Bus, Clock } from '@ringfort/bus';
import type { RingVersion } from '@ringfort/ring/contract';
import type { z } from 'zod';
import { addressOf } from './address.ts';
import { gossip, type gossipReplySchema, type gossipRequestSchema } from './contract.ts';
import { isPunctual } from './detector-core.ts';
import type { Detectors } from './detectors.ts';
import { classifyFailure, codeOf } from './errors.ts';
import { answerDigest, askOf } from './gossip-core.ts';
import type { HistoryExchange } from './history-exchange.ts';
import type { HistoryKeeper } from './history-keeper.ts';
import type { Logger } from './logger.ts';
import type { PeerNews } from './peer-news.ts';
import { namesFrom, namesOf } from './roster-core.ts';
import { type Stamp, unpackStamps } from './stamps-core.ts';

type GossipRequest = z.infer<typeof gossipRequestSchema>;
type GossipReply = z.infer<typeof gossipReplySchema>;

export interface GossipOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly keeper: HistoryKeeper;
  readonly histories: HistoryExchange;
  readonly detectors: () => Detectors;
  readonly news: PeerNews;
  readonly logger: Logger;
}

/** How an exchange ended. `answered`: with an error, but it lives. `disconnected`: it never left, or this node came late. */
export type ExchangeOutcome = 'exchanged' | ReturnType<typeof classifyFailure>;

/**
 * What an exchange is for. `round`: news of everybody. `greeting`: the two speak of themselves alone. `change`: the histories alone.
 */
export type Purpose = 'round' | 'greeting' | 'change';

/**
 * The exchange of heartbeats and infos between two nodes, as scuttlebutt does it: the asker tells in a digest what it knows, which is news
 * to the other where it is later; the answer brings what the other knows beyond it. No message is larger than `maxGossipBytes`, so what a
 * round costs does not grow with the cluster or with its troubles. Where the histories differ, they are compared afterwards.
 */
export class Gossip {
  readonly #options: GossipOptions;
  /** Where in the members the next digest begins, when one message does not hold all. */
  #cursor = 0;

  constructor(options: GossipOptions) {
    this.#options = options;
  }

  /** Exchanges with one peer. What that says of the peer goes to its detector; never rejects. */
  async exchange(node: string, timeoutMs: number, purpose: Purpose = 'greeting'): Promise<ExchangeOutcome> {
    const { clock, histories } = this.#options;
    const startedAtMs = clock.monotonicMs();
    try {
      if (purpose !== 'change') await this.#ask(node, timeoutMs, purpose === 'round');
      await histories.level(node, timeoutMs, (version) => this.#weigh(node, version));
      return 'exchanged';
    } catch (error) {
      const elapsedMs = clock.monotonicMs() - startedAtMs;
      const outcome = classifyFailure(error);
      this.#log(node, outcome, error);
      if (outcome === 'timeout' && !isPunctual(elapsedMs, timeoutMs)) return 'disconnected';
      this.#blame(node, outcome);
      return outcome;
    }
  }

  /** Answers a peer's digest. */
  answer(from: string, { version, self, about, stamps }: GossipRequest): GossipReply {
    const { keeper, news } = this.#options;
    const names = namesOf(about, news.roster);
    const told = stampsIn(stamps);
    this.#rumour([...news.hearProfiles([self]), ...news.hearStamps(names, told)]);
    news.noteVersion(from, version);
    if (about.roster !== undefined) news.noteRoster(from, about.roster);
    this.contacted(from, version);
    const own = { version: keeper.history.version, roster: news.roster.id };
    return { ...own, ...answerDigest(news.table(), names, told) };
  }

  /** A peer has asked something. */
  contacted(from: string, version: RingVersion): void {
    const detectors = this.#options.detectors();
    if (this.knowsNothing(version.size)) detectors.doubted(from, { kind: 'refused' });
    else detectors.contacted(from);
  }

  async #ask(node: string, timeoutMs: number, isRound: boolean): Promise<void> {
    const { bus, keeper, news } = this.#options;
    const { version } = keeper.history;
    const { roster } = news;
    const start = this.#cursor;
    // Before the first answer it is not known whether the other lists the same members.
    const naming = news.knowsRoster(node) ? { roster, start } : { ids: namesFrom(roster, start) };
    const ask = askOf({ self: news.ownProfile(), table: news.table(), ...(isRound ? naming : { ids: [node] }) });
    if (isRound) this.#cursor = (start + ask.names.length) % Math.max(1, roster.names.length);
    const { self, about, stamps } = ask;
    const reply = await bus.request(addressOf(node), gossip, { version, self, about, stamps }, { timeoutMs });
    news.noteVersion(node, reply.version);
    news.noteRoster(node, reply.roster);
    this.#rumour([...news.hearProfiles(reply.profiles), ...news.hearStamps(ask.names, stampsIn(reply.stamps))]);
    this.#weigh(node, reply.version);
  }

  #weigh(node: string, version: RingVersion): void {
    const detectors = this.#options.detectors();
    if (this.knowsNothing(version.size)) detectors.doubted(node, { kind: 'refused' });
    else detectors.answered(node);
  }

  /** A node of the ring that knows nothing of it does not serve: its directory is empty. */
  knowsNothing(records: number): boolean {
    return this.#options.keeper.history.founding !== undefined && records === 0;
  }

  #blame(node: string, outcome: ExchangeOutcome): void {
    const detectors = this.#options.detectors();
    if (outcome === 'answered') detectors.answered(node);
    if (outcome === 'no-responders' || outcome === 'refused') detectors.doubted(node, { kind: outcome });
    if (outcome === 'timeout') detectors.doubted(node, { kind: 'unanswered' });
  }

  #rumour(nodes: readonly string[]): void {
    const detectors = this.#options.detectors();
    for (const node of nodes) detectors.rumoured(node);
  }

  #log(node: string, outcome: ExchangeOutcome, error: unknown): void {
    const message = `gossip with ${node} failed: ${error instanceof Error ? error.message : String(error)}`;
    this.#options.logger({
      level: 'debug',
      code: 'GOSSIP_FAILED',
      message,
      details: { node, outcome, code: codeOf(error) },
    });
  }
}

/** The contract has seen to it that they can be read. */
function stampsIn(bytes: Uint8Array): Stamp[] {
  return unpackStamps(bytes) ?? [];
}

import type { Bus, Clock } from '@ringfort/bus';
import type { MembershipRecord } from '@ringfort/ring/contract';
import type { z } from 'zod';
import { gossip, type gossipReplySchema, type gossipRequestSchema, type NodeInfo, pushRecords } from './contract.ts';
import { isPunctual } from './detector-core.ts';
import type { Detectors } from './detectors.ts';
import { classifyFailure, codeOf } from './errors.ts';
import { hashesLacking, recordsBeyond, sameVersion, takeBytes } from './history-core.ts';
import type { HistoryKeeper } from './history-keeper.ts';
import type { Logger } from './logger.ts';
import type { PeerNews } from './peer-news.ts';

type GossipRequest = z.infer<typeof gossipRequestSchema>;
type GossipReply = z.infer<typeof gossipReplySchema>;

export interface GossipOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly keeper: HistoryKeeper;
  readonly detectors: () => Detectors;
  readonly news: PeerNews;
  readonly info: () => NodeInfo;
  readonly logger: Logger;
}

/** How an exchange ended. `answered`: with an error, but it lives. `disconnected`: it never left, or this node came late. */
export type ExchangeOutcome = 'exchanged' | ReturnType<typeof classifyFailure>;

/** Records in one message, well below NATS's default payload of 1 MiB. */
const maxBytesPerMessage = 262_144;
/** Turns of one exchange: enough for the largest history (917,504 bytes), both ways. */
const maxTurns = 16;

/**
 * The exchange of histories and heartbeats between two nodes. The asker tells its version, and the hashes it holds if the versions may
 * differ; the answer brings what it lacks and names what the other lacks, which it pushes. Repeated until both are equal.
 */
export class Gossip {
  readonly #options: GossipOptions;

  constructor(options: GossipOptions) {
    this.#options = options;
  }

  /** Exchanges with one peer. What that says of the peer goes to its detector; never rejects. */
  async exchange(node: string, timeoutMs: number): Promise<ExchangeOutcome> {
    const startedAtMs = this.#options.clock.monotonicMs();
    try {
      const reply = await this.#ask(node, timeoutMs);
      this.#weigh(node, reply);
      await this.#level(node, reply, timeoutMs);
      return 'exchanged';
    } catch (error) {
      const elapsedMs = this.#options.clock.monotonicMs() - startedAtMs;
      const outcome = classifyFailure(error);
      this.#log(node, outcome, error);
      if (outcome === 'timeout' && !isPunctual(elapsedMs, timeoutMs)) return 'disconnected';
      this.#blame(node, outcome);
      return outcome;
    }
  }

  /** Answers a peer's `gossip`. */
  answer(from: string, request: GossipRequest): GossipReply {
    const { keeper, news, info, detectors } = this.#options;
    this.#hear(request);
    news.note(from, request.version, request.info);
    if (this.knowsNothing(request.version.size)) detectors().doubted(from, { kind: 'refused' });
    else detectors().contacted(from);
    const holds = request.holds;
    const { history, refused } = keeper;
    const foreign = holds?.some((hash) => refused.has(hash)) ?? false;
    return {
      version: history.version,
      records: holds === undefined ? [] : recordsBeyond(history, holds, maxBytesPerMessage),
      wants: holds === undefined || foreign ? [] : hashesLacking(history, holds, refused),
      beats: news.beats(),
      info: info(),
    };
  }

  /** Pushes records to a peer in as many messages as it takes. Rejects as the bus does. */
  async push(node: string, records: readonly MembershipRecord[], timeoutMs: number): Promise<void> {
    const { bus, news } = this.#options;
    for (let sent = 0; sent < records.length; ) {
      const chunk = takeBytes(records.slice(sent), maxBytesPerMessage);
      const { version } = await bus.request(addressOf(node), pushRecords, { records: chunk }, { timeoutMs });
      news.note(node, version);
      sent += chunk.length;
    }
  }

  async #ask(node: string, timeoutMs: number): Promise<GossipReply> {
    const { bus, keeper, news, info } = this.#options;
    const { version, records } = keeper.history;
    const told = news.versionOf(node);
    const holds = told !== undefined && sameVersion(told, version) ? {} : { holds: [...records.keys()] };
    const request: GossipRequest = { version, ...holds, beats: news.beats(), info: info() };
    const reply = await bus.request(addressOf(node), gossip, request, { timeoutMs });
    this.#hear(reply);
    news.note(node, reply.version, reply.info);
    return reply;
  }

  /** Gives and takes until the versions are equal, or a turn moves nothing. */
  async #level(node: string, first: GossipReply, timeoutMs: number): Promise<void> {
    const { keeper } = this.#options;
    let reply = first;
    for (let turn = 0; turn < maxTurns; turn++) {
      const blind = reply.records.length === 0 && reply.wants.length === 0;
      const taken = reply.records.length === 0 ? 0 : await keeper.merge(reply.records, node);
      const given = reply.wants.flatMap((hash) => keeper.history.records.get(hash) ?? []);
      await this.push(node, given, timeoutMs);
      const level = sameVersion(keeper.history.version, this.#options.news.versionOf(node) ?? reply.version);
      if (level || taken + given.length === 0) {
        // The first question may have come without `holds`, when the versions were believed equal: ask once more, with them.
        if (level || !blind || turn > 0) return;
      }
      reply = await this.#ask(node, timeoutMs);
    }
  }

  #weigh(node: string, reply: GossipReply): void {
    const detectors = this.#options.detectors();
    if (this.knowsNothing(reply.version.size)) detectors.doubted(node, { kind: 'refused' });
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

  #hear({ beats }: { beats: GossipRequest['beats'] }): void {
    const detectors = this.#options.detectors();
    for (const node of this.#options.news.hearBeats(beats)) detectors.rumoured(node);
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

/** Where a node's membership listens. */
export function addressOf(node: string): string {
  return `node.${node}.membership`;
}

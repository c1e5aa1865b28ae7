import type { Bus, Clock, Random } from '@ringfort/bus';
import type { z } from 'zod';
import { addressOf } from './address.ts';
import { indirectPing, type indirectPingReplySchema, type indirectPingRequestSchema } from './contract.ts';
import type { Detectors } from './detectors.ts';
import { sample } from './dissemination.ts';
import { CannotPingError } from './errors.ts';
import type { Gossip } from './gossip.ts';
import type { Heartbeat } from './heartbeat-core.ts';
import type { LocalHealth } from './local-health.ts';
import type { PeerNews } from './peer-news.ts';
import { goodLuck, type Luck, phiAmongHelpers, phiOfLoss, withAnswer } from './phi-core.ts';
import { type PingOutcome, type PingReply, pingPeer } from './pings.ts';

/** Pings in flight, probes in flight, and pings for others. A ping that finds no room is left out, a suspect waits for its probe. */
const maxPings = 32;
const maxProbes = 8;
const maxForOthers = 16;
/** Helpers that are asked for one probe (SWIM's k), and how often each side pings in its time. */
const maxHelpers = 3;
const tries = 4;
const helperTries = 3;
/** What a helper leaves of the asker's time for its answer's way back. */
const returnMs = 40;
/** A peer that just started may be heard before NATS has spread the news of its subscriptions: a failed ping is repeated this much later. */
const repeatMs = 150;

type IndirectPing = z.infer<typeof indirectPingRequestSchema>;
type IndirectPong = z.infer<typeof indirectPingReplySchema>;

export interface ProbesOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly gossip: Gossip;
  readonly news: PeerNews;
  readonly health: LocalHealth;
  readonly detectors: () => Detectors;
  /** Of a probe, while this node is well. */
  readonly timeoutMs: number;
}

/**
 * Finds out whether a peer answers: by a ping, or by a probe: four pings, and three others asked to ping it. One per peer at a time, none while
 * this node itself is cut off.
 */
export class Probes {
  readonly #options: ProbesOptions;
  readonly #pinged = new Set<string>();
  readonly #probed = new Set<string>();
  readonly #waiting = new Set<string>();
  readonly #forOthers = new Map<string, Promise<Heartbeat | undefined>>();
  readonly #repeats = new Map<string, unknown>();
  /** Tries that each suspect left unanswered: lost, should it turn out to live. */
  readonly #unanswered = new Map<string, number>();
  #luck: Luck = goodLuck;

  constructor(options: ProbesOptions) {
    this.#options = options;
  }

  /** The suspicion that one request without an answer is worth. */
  get phiPerTry(): number {
    return phiOfLoss(this.#luck);
  }

  /** One ping. */
  ping(node: string): void {
    const { bus } = this.#options;
    if (bus.status !== 'connected' || this.#pinged.has(node) || this.#pinged.size >= maxPings) return;
    this.#pinged.add(node);
    void this.#ping(node, { tries: 1, timeoutMs: this.#timeoutMs }).then((outcome) => {
      this.#pinged.delete(node);
      this.#learn(node, outcome);
      if (outcome.kind === 'unanswered') this.#options.detectors().doubted(node, { kind: 'unanswered' });
    });
  }

  /** Several pings, and, when the first is not answered at once, others are asked. */
  probe(node: string): void {
    const { bus, detectors } = this.#options;
    if (bus.status !== 'connected' || this.#probed.has(node)) return;
    if (this.#probed.size >= maxProbes) {
      this.#waiting.add(node);
      return;
    }
    this.#waiting.delete(node);
    this.#probed.add(node);
    const helpers = new HelpersAsked();
    const suspected = this.#options.news.incarnationOf(node);
    const timeoutMs = this.#timeoutMs;
    const onSlow = () => this.#askHelpers(node, suspected, timeoutMs, helpers);
    void this.#ping(node, { tries, timeoutMs, suspected, onSlow }).then((outcome) => {
      this.#probed.delete(node);
      this.#probeNext();
      this.#learn(node, outcome);
      if (outcome.kind !== 'unanswered') return;
      if (helpers.count > 0 && helpers.heard === 0) this.#options.health.worsen();
      const phi = phiAmongHelpers(this.phiPerTry, helpers.count, helpers.heard);
      const denials = { count: helpers.denials, phi: phi * helperTries };
      const { count, vouched } = helpers;
      detectors().probed(node, { kind: 'probed', phi: phi * tries, helpers: count, denials, vouched });
    });
  }

  /**
   * Pings a node for another; those who ask at the same time share it.
   * @throws CannotPingError
   */
  async pingForOther({ node, suspected }: IndirectPing, askerTimeoutMs: number): Promise<IndirectPong> {
    const known = this.#options.detectors().suspicionOf(node) !== undefined;
    const shared = this.#forOthers.get(node);
    if (!known || (shared === undefined && this.#forOthers.size >= maxForOthers)) {
      throw new CannotPingError({ node, pinging: this.#forOthers.size });
    }
    const timeoutMs = Math.min(askerTimeoutMs, this.#timeoutMs) - returnMs;
    const pinging = shared ?? this.#pingForOthers(node, suspected, Math.max(1, timeoutMs));
    const beat = await pinging;
    return beat === undefined ? {} : { beat };
  }

  /** Pings once more, a little later, unless `settled` says then that there is no need. */
  repeatLater(node: string, settled: () => boolean): void {
    const { clock } = this.#options;
    if (this.#repeats.has(node) || this.#repeats.size >= maxPings) return;
    const repeat = () => {
      this.#repeats.delete(node);
      if (!settled()) this.ping(node);
    };
    this.#repeats.set(node, clock.setTimeout(repeat, repeatMs));
  }

  /** The peer is settled, or is no longer watched. */
  forget(node: string): void {
    this.#unanswered.delete(node);
    this.#waiting.delete(node);
  }

  stop(): void {
    this.#waiting.clear();
    for (const timer of this.#repeats.values()) this.#options.clock.clearTimeout(timer);
    this.#repeats.clear();
  }

  #probeNext(): void {
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#waiting.delete(next);
    if (this.#options.detectors().suspicionOf(next) === 'suspect') this.probe(next);
    else this.#probeNext();
  }

  get #timeoutMs(): number {
    return this.#options.timeoutMs * this.#options.health.patience;
  }

  #ping(node: string, options: Parameters<typeof pingPeer>[3]): Promise<PingOutcome> {
    return pingPeer(this.#options.bus, this.#options.clock, node, options);
  }

  #pingForOthers(node: string, suspected: number | undefined, timeoutMs: number): Promise<Heartbeat | undefined> {
    const pinging = this.#ping(node, { tries: helperTries, timeoutMs, suspected }).then((outcome) => {
      this.#forOthers.delete(node);
      this.#learn(node, outcome);
      if (outcome.kind === 'unheard') throw new CannotPingError({ node, pinging: this.#forOthers.size });
      return outcome.kind === 'answered' ? outcome.reply?.beat : undefined;
    });
    this.#forOthers.set(node, pinging);
    return pinging;
  }

  #askHelpers(node: string, suspected: number | undefined, timeoutMs: number, asked: HelpersAsked): void {
    const { bus, random, detectors, news } = this.#options;
    const leftMs = Math.floor((timeoutMs * (tries - 1)) / tries) - returnMs;
    const body = suspected === undefined ? { node } : { node, suspected };
    for (const helper of sample(detectors().helpersFor(node), maxHelpers, random)) {
      asked.count += 1;
      bus.request(addressOf(helper), indirectPing, body, { timeoutMs: leftMs }).then(
        ({ beat }) => {
          asked.heard += 1;
          if (beat === undefined) asked.denials += 1;
          else asked.vouched = true;
          if (beat !== undefined)
            for (const lived of news.hearProfiles([{ node, ...beat }])) detectors().rumoured(lived);
        },
        // No word of the helper is no evidence of the peer.
        () => undefined,
      );
    }
  }

  /** What a ping says of the peer, unless it says nothing. */
  #learn(node: string, outcome: PingOutcome): void {
    const detectors = this.#options.detectors();
    const before = this.#unanswered.get(node) ?? 0;
    if (outcome.kind === 'unheard') this.#options.health.worsen();
    else if (outcome.kind === 'unanswered') {
      if (detectors.suspicionOf(node) !== 'down') this.#unanswered.set(node, before + outcome.lostTries);
    } else if (outcome.kind === 'answered') {
      this.#unanswered.delete(node);
      this.#luck = withAnswer(this.#luck, before + outcome.lostTries);
      this.#hear(node, outcome.reply);
    } else detectors.doubted(node, { kind: outcome.kind });
  }

  #hear(node: string, reply: PingReply | undefined): void {
    const { gossip, news, detectors, timeoutMs } = this.#options;
    const wasDown = detectors().suspicionOf(node) === 'down';
    if (reply !== undefined && gossip.knowsNothing(reply.records)) {
      detectors().doubted(node, { kind: 'refused' });
      return;
    }
    if (reply !== undefined)
      for (const lived of news.hearProfiles([{ node, ...reply.beat }])) detectors().rumoured(lived);
    detectors().answered(node);
    // It may have missed what happened meanwhile, and so may this node.
    if (wasDown) void gossip.exchange(node, timeoutMs);
  }
}

/** What the helpers of one probe have said by now. */
class HelpersAsked {
  count = 0;
  heard = 0;
  denials = 0;
  vouched = false;
}

import type { Clock } from '@ringfort/bus';
import { type ActorRefFrom, createActor } from 'xstate';
import {
  beatMs,
  type Evidence,
  isPunctual,
  listenedMs,
  type Suspicion,
  suspectAfterMs,
  suspectPhi,
  wardOf,
} from './detector-core.ts';
import { detectorMachine } from './detector-machine.ts';
import type { LocalHealth } from './local-health.ts';
import { assumedGaps, type Gaps, phiOfSilence, withGap } from './phi-core.ts';

/** Peers that are down and pinged in one round, each in its turn: as much work however many are down. */
const maxDownPings = 4;
/** Contact with what is down brings a ping at most so often: two that believe each other down must not answer each other for ever. */
const contactPauseMs = 50;
/** What another node's accusation is worth, in requests without an answer: it has asked others itself. */
const triesPerAccusation = 2;

export interface DetectorsOptions {
  readonly self: string;
  readonly clock: Clock;
  readonly health: LocalHealth;
  /** Length of a gossip round. */
  readonly roundMs: number;
  /** How long a peer may be silent of which nothing is known yet; by default as {@link suspectAfterMs} says. */
  readonly suspectAfterMs?: number | undefined;
  /** Starts a ping, or a probe, of the peer; its outcome comes back as evidence. Must not call back synchronously. */
  readonly ping: (node: string) => void;
  readonly probe: (node: string) => void;
  /** What one request without an answer is worth at present. */
  readonly phiPerTry: () => number;
  readonly incarnationOf: (node: string) => number | undefined;
  /** `confirmed`: not by this node alone, where others could be asked. */
  readonly onTransition: (node: string, status: 'up' | 'down', confirmed: boolean) => void;
  readonly onForgotten: (node: string) => void;
  readonly onError: (error: unknown) => void;
}

interface Detector {
  readonly actor: ActorRefFrom<typeof detectorMachine>;
  /** The machine's state, cached for the hot path. */
  suspicion: Suspicion;
  /** The incarnation under which it is suspected, or down. */
  suspectedAs: number | undefined;
  /** Between arrivals of news of it. */
  gaps: Gaps;
  newsAtListenedMs: number;
  /** Time listened (see {@link listenedMs}) at the last sign of life, direct or by gossip. */
  heardAtListenedMs: number;
  /** Monotonic time of the last sign of life; undefined before the first. */
  heardAtMs: number | undefined;
  /** Of the last ping that a contact brought while it was down. */
  contactedAtMs: number;
  /** Whether it has answered this node since the last round. */
  answeredLately: boolean;
}

/** One failure detector per peer. Every look-up and every report that changes nothing is a map access. */
export class Detectors {
  readonly #options: DetectorsOptions;
  readonly #detectors = new Map<string, Detector>();
  #listenedMs = 0;
  #rounds = 0;
  #passedAtMs: number;

  constructor(options: DetectorsOptions) {
    this.#options = options;
    this.#passedAtMs = options.clock.monotonicMs();
  }

  /** Undefined for a node that is not watched. */
  suspicionOf(node: string): Suspicion | undefined {
    return this.#detectors.get(node)?.suspicion;
  }

  silentMsOf(node: string): number | undefined {
    const heardAtMs = this.#detectors.get(node)?.heardAtMs;
    return heardAtMs === undefined ? undefined : Math.max(0, this.#options.clock.monotonicMs() - heardAtMs);
  }

  get nodes(): string[] {
    return [...this.#detectors.keys()];
  }

  /** Whom to ask whether they reach that node. */
  helpersFor(node: string): string[] {
    return this.nodes.filter((other) => other !== node && this.suspicionOf(other) === 'up');
  }

  /** Watches exactly these peers from now on. A new one is believed up until something speaks against it. */
  watch(nodes: ReadonlySet<string>): void {
    const { roundMs } = this.#options;
    const silentMs = this.#options.suspectAfterMs ?? suspectAfterMs(nodes.size + 1, Math.max(roundMs, beatMs));
    const gaps = assumedGaps(silentMs, suspectPhi);
    for (const node of nodes) if (!this.#detectors.has(node)) this.#detectors.set(node, this.#start(node, gaps));
    for (const [node, { actor }] of this.#detectors) {
      if (nodes.has(node)) continue;
      actor.stop();
      this.#detectors.delete(node);
      this.#options.onForgotten(node);
    }
  }

  /** The peer answered this node. The hot path: no clock is read, so its sign of life is dated to within a round. */
  answered(node: string): void {
    const detector = this.#detectors.get(node);
    if (detector === undefined) return;
    detector.answeredLately = true;
    detector.heardAtListenedMs = this.#listenedMs;
    if (detector.heardAtMs === undefined || detector.heardAtMs < this.#passedAtMs)
      detector.heardAtMs = this.#passedAtMs;
    if (detector.suspicion !== 'up') send(detector, { kind: 'answered' });
  }

  /** Evidence against the peer. */
  doubted(node: string, { kind }: { readonly kind: 'no-responders' | 'refused' | 'unanswered' }): void {
    const detector = this.#detectors.get(node);
    if (detector === undefined || detector.suspicion === 'down') return;
    if (kind !== 'unanswered') send(detector, { kind });
    else if (detector.suspicion === 'up') this.#suspect(node, detector, { kind, phi: this.#options.phiPerTry() });
  }

  /** Another node, which has asked others, believes that incarnation of the peer down. @returns whether that is news. */
  accused(node: string, incarnation: number): boolean {
    const detector = this.#detectors.get(node);
    if (detector === undefined) return false;
    const known = this.#options.incarnationOf(node);
    if (known !== undefined && known > incarnation) {
      // It has refuted that; but it may have died since, and the accuser has not heard of the refutation.
      if (detector.suspicion === 'up') this.#options.ping(node);
      return false;
    }
    const evidence: Evidence = { kind: 'accused', phi: triesPerAccusation * this.#options.phiPerTry() };
    if (detector.suspicion !== 'down') this.#suspect(node, detector, evidence);
    return true;
  }

  /** A probe of the peer ended without an answer. */
  probed(node: string, evidence: Extract<Evidence, { kind: 'probed' }>): void {
    const detector = this.#detectors.get(node);
    if (detector !== undefined) send(detector, evidence);
  }

  /** The peer sent this node a message. */
  contacted(node: string): void {
    const detector = this.#detectors.get(node);
    if (detector !== undefined) this.#hear(detector);
  }

  /** Others have later news of the peer: it lives, somewhere, or did a while ago. */
  rumoured(node: string): void {
    const detector = this.#detectors.get(node);
    if (detector === undefined) return;
    this.#hear(detector);
    if (detector.suspicion !== 'suspect' || detector.suspectedAs === undefined) return;
    const incarnation = this.#options.incarnationOf(node);
    if (incarnation === undefined || incarnation <= detector.suspectedAs) return;
    detector.suspectedAs = incarnation;
    send(detector, { kind: 'refuted' });
  }

  /** A round has passed: silences are judged; suspects, some of those that are down, and this node's ward are probed. */
  roundPassed(connected: boolean): void {
    const { clock, health, roundMs } = this.#options;
    const nowMs = clock.monotonicMs();
    const elapsedMs = nowMs - this.#passedAtMs;
    // Rounds are up to a tenth longer than their length.
    if (!isPunctual(elapsedMs, roundMs * 1.1)) health.worsen();
    health.roundPassed();
    this.#listenedMs += listenedMs(elapsedMs, roundMs, connected);
    this.#passedAtMs = nowMs;
    if (!connected) return;
    let downPings = 0;
    for (const [node, detector] of this.#inTurn()) {
      if (detector.suspicion === 'up') this.#judgeSilence(node, detector);
      else if (detector.suspicion === 'suspect' || downPings++ < maxDownPings)
        detector.actor.send({ type: 'round.passed' });
    }
    this.#pingWard();
    for (const detector of this.#detectors.values()) detector.answeredLately = false;
  }

  /** Stops watching. */
  stop(): void {
    this.watch(new Set());
  }

  #judgeSilence(node: string, detector: Detector): void {
    const phi = phiOfSilence(this.#listenedMs - detector.heardAtListenedMs, detector.gaps);
    if (phi >= suspectPhi) this.#suspect(node, detector, { kind: 'silent', phi });
  }

  /** Where requests are few, nothing else tells soon that a peer has died. */
  #pingWard(): void {
    const candidates: string[] = [];
    for (const [node, { suspicion }] of this.#detectors) if (suspicion !== 'down') candidates.push(node);
    const ward = wardOf(this.#options.self, candidates);
    const detector = ward === undefined ? undefined : this.#detectors.get(ward);
    if (ward !== undefined && detector?.suspicion === 'up' && !detector.answeredLately) this.#options.ping(ward);
  }

  /** All detectors, each round from another start: probes are bounded, and every peer gets its turn. */
  #inTurn(): [string, Detector][] {
    const all = [...this.#detectors];
    const start = all.length === 0 ? 0 : (this.#rounds++ * maxDownPings) % all.length;
    return [...all.slice(start), ...all.slice(0, start)];
  }

  #hear(detector: Detector): void {
    const gapMs = this.#listenedMs - detector.newsAtListenedMs;
    if (gapMs > 0 && detector.suspicion !== 'down') detector.gaps = withGap(detector.gaps, gapMs);
    detector.newsAtListenedMs = this.#listenedMs;
    detector.heardAtListenedMs = this.#listenedMs;
    detector.heardAtMs = this.#options.clock.monotonicMs();
    if (detector.suspicion !== 'down' || detector.heardAtMs - detector.contactedAtMs < contactPauseMs) return;
    detector.contactedAtMs = detector.heardAtMs;
    detector.actor.send({ type: 'peer.contacted' });
  }

  #suspect(node: string, detector: Detector, evidence: Evidence): void {
    if (detector.suspicion === 'up') detector.suspectedAs = this.#options.incarnationOf(node);
    send(detector, evidence);
  }

  #start(node: string, gaps: Gaps): Detector {
    const { clock, ping, probe, onTransition, onError } = this.#options;
    // Actions run before subscribers are told, and listeners of the transition may ask at once.
    const announce = (status: 'up' | 'down', confirmed: boolean) => {
      detector.suspicion = status;
      onTransition(node, status, confirmed);
    };
    const machine = detectorMachine.provide({
      actions: {
        ping: () => ping(node),
        probe: () => probe(node),
        announceUp: () => announce('up', true),
        announceDown: (_, { confirmed }) => announce('down', confirmed),
      },
    });
    const actor = createActor(machine, { clock });
    const detector: Detector = {
      actor,
      suspicion: 'up',
      suspectedAs: undefined,
      gaps,
      newsAtListenedMs: this.#listenedMs,
      heardAtListenedMs: this.#listenedMs,
      heardAtMs: undefined,
      contactedAtMs: -Infinity,
      answeredLately: false,
    };
    actor.subscribe({ next: (snapshot) => (detector.suspicion = snapshot.value), error: onError });
    actor.start();
    return detector;
  }
}

function send(detector: Detector, evidence: Evidence): void {
  detector.actor.send({ type: 'evidence.gathered', evidence });
}

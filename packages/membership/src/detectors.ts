import type { Clock } from '@ringfort/bus';
import { type ActorRefFrom, createActor } from 'xstate';
import { beatMs, type Evidence, listenedMs, type Suspicion, suspectAfterMs } from './detector-core.ts';
import { detectorMachine } from './detector-machine.ts';

export interface DetectorsOptions {
  readonly clock: Clock;
  /** Length of a gossip round. */
  readonly roundMs: number;
  /** How long a peer may be silent; by default as {@link suspectAfterMs} says. */
  readonly suspectAfterMs?: number | undefined;
  /** Starts a probe of the peer; its outcome comes back as evidence. Must not call back synchronously. */
  readonly probe: (node: string) => void;
  readonly onTransition: (node: string, status: 'up' | 'down') => void;
  readonly onError: (error: unknown) => void;
}

interface Detector {
  readonly actor: ActorRefFrom<typeof detectorMachine>;
  /** The machine's state, cached for the hot path. */
  suspicion: Suspicion;
  /** Time listened (see {@link listenedMs}) at the last sign of life, direct or by gossip. */
  heardAtListenedMs: number;
  /** Monotonic time of the last sign of life; undefined before the first. */
  heardAtMs: number | undefined;
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

  /** Watches exactly these peers from now on. A new one is believed up until something speaks against it. */
  watch(nodes: ReadonlySet<string>): void {
    for (const node of nodes) if (!this.#detectors.has(node)) this.#detectors.set(node, this.#start(node));
    for (const [node, { actor }] of this.#detectors) {
      if (nodes.has(node)) continue;
      actor.stop();
      this.#detectors.delete(node);
    }
  }

  /** The peer answered this node. The hot path: no clock is read, so its sign of life is dated to within a round. */
  answered(node: string): void {
    const detector = this.#detectors.get(node);
    if (detector === undefined) return;
    detector.heardAtListenedMs = this.#listenedMs;
    if (detector.heardAtMs === undefined || detector.heardAtMs < this.#passedAtMs)
      detector.heardAtMs = this.#passedAtMs;
    if (detector.suspicion !== 'up') send(detector, { kind: 'answered' });
  }

  /** Evidence against the peer. */
  doubted(node: string, evidence: Exclude<Evidence, { kind: 'answered' | 'silent' }>): void {
    const detector = this.#detectors.get(node);
    if (detector === undefined || detector.suspicion === 'down') return;
    if (detector.suspicion === 'suspect' && evidence.kind === 'unanswered') return;
    send(detector, evidence);
  }

  /** The peer sent this node a message. */
  contacted(node: string): void {
    const detector = this.#detectors.get(node);
    if (detector === undefined) return;
    this.#hear(detector);
    if (detector.suspicion !== 'up') detector.actor.send({ type: 'peer.contacted' });
  }

  /** Others have later news of the peer: it lives, somewhere. */
  rumoured(node: string): void {
    const detector = this.#detectors.get(node);
    if (detector !== undefined) this.#hear(detector);
  }

  /** A round has passed: silences are judged, suspects and peers that are down probed. */
  roundPassed(connected: boolean): void {
    const { clock, roundMs } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#listenedMs += listenedMs(nowMs - this.#passedAtMs, roundMs, connected);
    this.#passedAtMs = nowMs;
    if (!connected) return;
    const limitMs = this.#options.suspectAfterMs ?? suspectAfterMs(this.#detectors.size + 1, Math.max(roundMs, beatMs));
    for (const detector of this.#inTurn()) {
      const silentMs = this.#listenedMs - detector.heardAtListenedMs;
      if (detector.suspicion !== 'up') detector.actor.send({ type: 'round.passed' });
      else if (silentMs >= limitMs) send(detector, { kind: 'silent', silentMs, limitMs });
    }
  }

  /** Stops watching. */
  stop(): void {
    this.watch(new Set());
  }

  /** All detectors, each round from another start: probes are bounded, and every peer gets its turn. */
  #inTurn(): Detector[] {
    const all = [...this.#detectors.values()];
    const start = all.length === 0 ? 0 : this.#rounds++ % all.length;
    return [...all.slice(start), ...all.slice(0, start)];
  }

  #hear(detector: Detector): void {
    detector.heardAtListenedMs = this.#listenedMs;
    detector.heardAtMs = this.#options.clock.monotonicMs();
  }

  #start(node: string): Detector {
    const { clock, probe, onTransition, onError } = this.#options;
    // Actions run before subscribers are told, and listeners of the transition may ask at once.
    const announce = (status: 'up' | 'down') => {
      detector.suspicion = status;
      onTransition(node, status);
    };
    const machine = detectorMachine.provide({
      actions: {
        probe: () => probe(node),
        announceUp: () => announce('up'),
        announceDown: () => announce('down'),
      },
    });
    const actor = createActor(machine, { clock });
    const detector: Detector = { actor, suspicion: 'up', heardAtListenedMs: this.#listenedMs, heardAtMs: undefined };
    actor.subscribe({ next: (snapshot) => (detector.suspicion = snapshot.value), error: onError });
    actor.start();
    return detector;
  }
}

function send(detector: Detector, evidence: Evidence): void {
  detector.actor.send({ type: 'evidence.gathered', evidence });
}

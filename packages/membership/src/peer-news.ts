import type { Clock } from '@ringfort/bus';
import type { RingVersion } from '@ringfort/ring/contract';
import type { NodeInfo } from './contract.ts';
import { beatMs } from './detector-core.ts';
import { advances, type Heartbeat, refute, refuteSuspicion } from './heartbeat-core.ts';

/** What this node knows of the others beside the history: heartbeats, infos, and the version that each told last. All bounded by `watch`. */
export class PeerNews {
  readonly #self: string;
  readonly #clock: Clock;
  readonly #startedAtMs: number;
  #incarnation: number;
  #watched: ReadonlySet<string> = new Set();
  readonly #beats = new Map<string, Heartbeat>();
  readonly #infos = new Map<string, NodeInfo>();
  readonly #versions = new Map<string, RingVersion>();

  /** The incarnation is the wall clock at the start: later starts have higher ones, and {@link refute} mends a clock that was set back. */
  constructor(self: string, clock: Clock) {
    this.#self = self;
    this.#clock = clock;
    this.#startedAtMs = clock.monotonicMs();
    this.#incarnation = Math.max(0, Math.floor(clock.now()));
  }

  /** Keeps news of these peers only. */
  watch(nodes: ReadonlySet<string>): void {
    this.#watched = nodes;
    for (const map of [this.#beats, this.#infos, this.#versions]) {
      for (const node of map.keys()) if (!nodes.has(node)) map.delete(node);
    }
  }

  /** The latest heartbeat known of every node, this one's own among them. */
  beats(): Record<string, Heartbeat> {
    return { ...Object.fromEntries(this.#beats), [this.#self]: this.ownBeat() };
  }

  ownBeat(): Heartbeat {
    const beat = Math.floor((this.#clock.monotonicMs() - this.#startedAtMs) / beatMs);
    return { incarnation: this.#incarnation, beat };
  }

  /** Others suspect this node under that incarnation: it lives. */
  refuteSuspicion(suspected: number): void {
    this.#incarnation = refuteSuspicion(this.#incarnation, suspected);
  }

  /** The latest known incarnation of a peer; undefined before it was heard of. */
  incarnationOf(node: string): number | undefined {
    return this.#beats.get(node)?.incarnation;
  }

  /** Takes over what is later than known. @returns the peers that have lived since. */
  hearBeats(heard: Readonly<Record<string, Heartbeat>>): string[] {
    this.#incarnation = refute(this.#incarnation, heard[this.#self]);
    const later = advances(this.#beats, heard).filter(([node]) => this.#watched.has(node));
    for (const [node, beat] of later) this.#beats.set(node, beat);
    return later.map(([node]) => node);
  }

  /** Notes what a peer tells of itself. */
  note(node: string, version: RingVersion, info?: NodeInfo): void {
    if (!this.#watched.has(node)) return;
    this.#versions.set(node, version);
    if (info !== undefined) this.#infos.set(node, info);
  }

  versionOf(node: string): RingVersion | undefined {
    return this.#versions.get(node);
  }

  infoOf(node: string): NodeInfo | undefined {
    return this.#infos.get(node);
  }
}

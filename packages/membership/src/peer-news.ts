import type { Clock } from '@ringfort/bus';
import type { RingVersion } from '@ringfort/ring/contract';
import type { NodeInfo } from './contract.ts';
import { beatMs } from './detector-core.ts';
import type { PeerTable } from './digest-core.ts';
import { laterBeats } from './digest-core.ts';
import { type Heartbeat, isNewer, refute, refuteSuspicion } from './heartbeat-core.ts';
import { bornAt, hearProfile, liveOn, type PeerState, type Profile, profileOf } from './peer-state-core.ts';
import { type Roster, rosterOf } from './roster-core.ts';
import type { Stamp } from './stamps-core.ts';

/** For so many beats after a change of its own info, a node tells it along with every question. */
const tellChangeBeats = 5;

/** What a peer said last of itself, beside its heartbeat. */
interface Told {
  version?: RingVersion;
  roster?: string;
  /** The two versions at which a comparison of the histories found nothing to move. */
  apartAt?: string;
}

export interface PeerNewsOptions {
  readonly self: string;
  readonly clock: Clock;
  readonly info: () => NodeInfo;
}

/** What this node knows of the others beside the history: heartbeats, infos, and what each told last. All bounded by `watch`. */
export class PeerNews {
  readonly #options: PeerNewsOptions;
  readonly #startedAtMs: number;
  readonly #table = new Map<string, PeerState>();
  readonly #told = new Map<string, Told>();
  #watched: ReadonlySet<string> = new Set();
  #roster: Roster = rosterOf([]);
  #own: PeerState;
  #changedAtBeat = 0;
  /** The version of the own info before it changed lately. */
  #calmVersion = 0;

  /** The incarnation is the wall clock at the start: later starts have higher ones, and {@link refute} mends a clock that was set back. */
  constructor(options: PeerNewsOptions) {
    const { clock } = options;
    this.#options = options;
    this.#startedAtMs = clock.monotonicMs();
    this.#own = bornAt(Math.max(0, Math.floor(clock.now())));
  }

  /** Keeps news of these peers only. @param members whom everybody lists in the same order. */
  watch(nodes: ReadonlySet<string>, members: Iterable<string>): void {
    this.#watched = nodes;
    this.#roster = rosterOf(members);
    for (const map of [this.#table, this.#told]) {
      for (const node of map.keys()) if (!nodes.has(node)) map.delete(node);
    }
  }

  get roster(): Roster {
    return this.#roster;
  }

  /** The latest that is known of every node, this one among them. */
  table(): PeerTable {
    this.#liveOn();
    return new Map(this.#table).set(this.#options.self, this.#own);
  }

  ownBeat(): Heartbeat {
    this.#liveOn();
    const { incarnation, beat } = this.#own;
    return { incarnation, beat };
  }

  /** Others suspect this node under that incarnation: it lives. */
  refuteSuspicion(suspected: number): void {
    this.#rise(refuteSuspicion(this.#own.incarnation, suspected));
  }

  /** The latest known incarnation of a peer; undefined before it was heard of. */
  incarnationOf(node: string): number | undefined {
    return this.#table.get(node)?.incarnation;
  }

  /** This node's own profile, with what changed lately in its info. */
  ownProfile(): Profile {
    this.#liveOn();
    return profileOf(this.#options.self, this.#own, this.#changedLately() ? this.#calmVersion : undefined);
  }

  /** Takes over what is later than known. @returns the peers that have lived since. */
  hearProfiles(profiles: readonly Profile[]): string[] {
    return profiles.filter((profile) => this.#hear(profile)).map(({ node }) => node);
  }

  /** As {@link hearProfiles}, from a digest of these names. */
  hearStamps(names: readonly string[], stamps: readonly Stamp[]): string[] {
    const lives = laterBeats(this.table(), names, stamps).map(({ name, beat }) => {
      const { incarnation } = this.#stateOf(name) as PeerState;
      return { node: name, incarnation, beat };
    });
    return this.hearProfiles(lives);
  }

  noteVersion(node: string, version: RingVersion): void {
    this.#note(node, { version });
  }

  noteRoster(node: string, roster: string): void {
    this.#note(node, { roster });
  }

  /** The histories are apart, and nothing can be moved: remembered until one of them changes. */
  noteApart(node: string, own: RingVersion): void {
    this.#note(node, { apartAt: this.#pairOf(node, own) });
  }

  isApart(node: string, own: RingVersion): boolean {
    const apartAt = this.#told.get(node)?.apartAt;
    return apartAt !== undefined && apartAt === this.#pairOf(node, own);
  }

  versionOf(node: string): RingVersion | undefined {
    return this.#told.get(node)?.version;
  }

  knowsRoster(node: string): boolean {
    return this.#told.get(node)?.roster === this.#roster.id;
  }

  infoOf(node: string): NodeInfo | undefined {
    return this.#table.get(node)?.info;
  }

  #note(node: string, told: Told): void {
    if (this.#watched.has(node)) this.#told.set(node, { ...this.#told.get(node), ...told });
  }

  #pairOf(node: string, own: RingVersion): string {
    const theirs = this.versionOf(node);
    return `${own.size} ${own.digest} ${theirs?.size} ${theirs?.digest}`;
  }

  #stateOf(node: string): PeerState | undefined {
    return node === this.#options.self ? this.#own : this.#table.get(node);
  }

  #hear(profile: Profile): boolean {
    const { node } = profile;
    if (node === this.#options.self) this.#refute(profile);
    if (!this.#watched.has(node)) return false;
    const known = this.#table.get(node);
    const now = hearProfile(known, profile);
    this.#table.set(node, now);
    return isNewer(now, known);
  }

  /** Somebody knows a later life of this node than this one: it was given to others before a start, or is a mistake. */
  #refute(rumour: Profile): void {
    const later = isNewer(rumour, this.#own) && rumour.incarnation === this.#own.incarnation;
    const incarnation = later ? rumour.incarnation + 1 : refute(this.#own.incarnation, rumour);
    this.#rise(incarnation);
  }

  #rise(incarnation: number): void {
    if (incarnation === this.#own.incarnation) return;
    this.#own = { ...bornAt(incarnation, this.#own.beat), info: this.#own.info };
    // The whole of it is told anew.
    this.#changedAtBeat = this.#own.beat;
    this.#calmVersion = 0;
  }

  #liveOn(): void {
    const { clock, info } = this.#options;
    const { infoVersion } = this.#own;
    this.#own = liveOn(this.#own, Math.floor((clock.monotonicMs() - this.#startedAtMs) / beatMs), info());
    if (this.#own.infoVersion === infoVersion) return;
    if (!this.#changedLately()) this.#calmVersion = infoVersion;
    this.#changedAtBeat = this.#own.beat;
  }

  #changedLately(): boolean {
    return this.#own.beat - this.#changedAtBeat <= tellChangeBeats;
  }
}

import type { Contract } from '@ringfort/bus';
import { emptyRing, foldHistory, type MembershipRecord, type Ring } from '@ringfort/ring';
import type { BucketSettings, RingVersion } from '@ringfort/ring/contract';
import { type ActorRefFrom, createActor, fromPromise, type SnapshotFrom, toPromise } from 'xstate';
import { Announcements } from './announcements.ts';
import { nodeDown, nodeUp, type PeerStatus, ringChanged } from './contract.ts';
import { Detectors } from './detectors.ts';
import { CutOffError, codeOf, NotAMemberError, StoreReplacedError } from './errors.ts';
import { type Standing, standingBeforeFounding, standingInRing } from './founding-core.ts';
import { Gossip } from './gossip.ts';
import { foundingLamport, foundingRecordsOf, type History, nextLamport, sameVersion } from './history-core.ts';
import { HistoryKeeper } from './history-keeper.ts';
import type { Logger } from './logger.ts';
import { membershipMachine, portStateOf } from './membership-machine.ts';
import {
  checkOptions,
  defaultIntervals,
  foundersOf,
  type MembershipIntervals,
  type MembershipOptions,
} from './options.ts';
import { PeerNews } from './peer-news.ts';
import type { FailureReason, Membership, MembershipEvent, MembershipState } from './port.ts';
import { Probes } from './probes.ts';
import { Rounds } from './rounds.ts';
import { Services } from './services.ts';
import { checkSettings, isConfigured } from './settings-core.ts';
import { Spreading, sample } from './spreading.ts';

/** Peers that a change is told to at once: before the founding all founders wait for it, later the rest hears by the same rule. */
const foundingFanOut = 16;
const fanOut = 3;

/**
 * Starts a node's membership: reads its history, serves its peers, and founds or finds the cluster.
 * Resolves as soon as that runs; `state.changed` (or `untilMember()`) tells when the node is a member.
 * @throws InvalidMembershipOptionsError, HistoryCorruptError
 */
export async function createMembership(options: MembershipOptions): Promise<Membership> {
  checkOptions(options);
  const logger = options.logger ?? (() => undefined);
  let node: ClusterMembership | undefined;
  const onChange = (history: History) => node?.historyChanged(history);
  const keeper = await HistoryKeeper.open({ log: options.log, limits: options.limits, logger, onChange });
  node = new ClusterMembership(options, keeper, logger);
  node.start();
  return node;
}

/** The effects around the membership machine: what it decides is carried out here. */
class ClusterMembership implements Membership {
  readonly self: string;
  readonly #options: MembershipOptions;
  readonly #intervals: MembershipIntervals;
  readonly #keeper: HistoryKeeper;
  readonly #logger: Logger;
  readonly #news: PeerNews;
  readonly #gossip: Gossip;
  readonly #probes: Probes;
  readonly #detectors: Detectors;
  readonly #rounds: Rounds;
  readonly #spreading: Spreading;
  readonly #nodeEvents: Announcements<'up' | 'down'>;
  readonly #ringEvents: Announcements<string>;
  readonly #machine: ActorRefFrom<typeof membershipMachine>;
  readonly #listeners = new Set<(event: MembershipEvent) => void>();
  readonly #stops: (() => void)[] = [];
  #services: Services | undefined;
  #ring: Ring = emptyRing;
  #contacts: readonly string[] = [];
  #state: MembershipState = 'joining';
  #reason: string | undefined;

  constructor(options: MembershipOptions, keeper: HistoryKeeper, logger: Logger) {
    const { bus, clock, random, self } = options;
    this.self = self.id;
    this.#options = options;
    this.#intervals = { ...defaultIntervals, ...options.intervals };
    this.#keeper = keeper;
    this.#logger = logger;
    this.#news = new PeerNews(self.id, clock);
    const detectors = () => this.#detectors;
    this.#gossip = new Gossip({ bus, clock, keeper, detectors, news: this.#news, info: self.info, logger });
    this.#probes = new Probes({ bus, clock, gossip: this.#gossip, timeoutMs: this.#intervals.probeTimeoutMs });
    this.#detectors = new Detectors({
      clock,
      roundMs: this.#intervals.gossipMs,
      suspectAfterMs: this.#intervals.suspectAfterMs,
      probe: (node) => this.#probes.probe(node),
      onTransition: (node, status) => this.#peerChanged(node, status),
      onError: (error) => this.#broken(error),
    });
    this.#rounds = new Rounds({ clock, random, roundMs: this.#intervals.gossipMs, onRound: () => this.#round() });
    this.#spreading = new Spreading(clock, () => this.#spread());
    this.#nodeEvents = new Announcements(clock, 1000, (node, status) => this.#publishStatus(node, status));
    this.#ringEvents = new Announcements(clock, 200, () =>
      this.#publish(ringChanged, { node: self.id, version: this.#ring.version }),
    );
    this.#watch(keeper.history);
    this.#machine = this.#makeMachine();
  }

  get state(): MembershipState {
    return this.#state;
  }

  get reason(): string | undefined {
    return this.#reason;
  }

  get ring(): Ring {
    return this.#ring;
  }

  isUp(node: string): boolean {
    return this.#detectors.suspicionOf(node) !== 'down';
  }

  reportFailure(node: string, reason: FailureReason): void {
    if (reason === 'no-responders') this.#detectors.doubted(node, { kind: 'no-responders' });
    else if (reason === 'timeout') this.#detectors.doubted(node, { kind: 'unanswered' });
  }

  reportSuccess(node: string): void {
    this.#detectors.answered(node);
  }

  peers(): readonly PeerStatus[] {
    const own: PeerStatus = { id: this.self, status: 'self', info: this.#options.self.info(), silentMs: 0 };
    return [own, ...this.#contacts.map((id) => this.#statusOf(id))].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  history(): readonly MembershipRecord[] {
    return [...this.#keeper.history.records.values()];
  }

  on(listener: (event: MembershipEvent) => void): { unsubscribe(): void } {
    this.#listeners.add(listener);
    return { unsubscribe: () => this.#listeners.delete(listener) };
  }

  async configureBucket(bucket: string, settings: BucketSettings): Promise<BucketSettings> {
    const asked = checkSettings(bucket, settings);
    if (this.#state !== 'member') throw this.#notAMember();
    const record = await this.#keeper.author((history) =>
      isConfigured(this.#ring, bucket, asked)
        ? undefined
        : { kind: 'bucket.configured', lamport: nextLamport(history), author: this.self, bucket, settings: asked },
    );
    if (record !== undefined) await this.#tellAll(record);
    return this.#ring.bucket(bucket);
  }

  async close(): Promise<void> {
    this.#machine.send({ type: 'leave.start' });
    await toPromise(this.#machine);
  }

  start(): void {
    const { bus } = this.#options;
    this.#services = new Services(bus, this.self, {
      gossip: (from, request) => this.#answerGossip(from, request),
      push: async (from, { records }) => {
        await this.#keeper.merge(records, from);
        return { version: this.#keeper.history.version };
      },
      view: ({ have }) => this.#view(have),
    });
    const status = bus.onStatus((now) => now === 'connected' && this.#hello());
    this.#stops.push(() => status.unsubscribe());
    this.#machine.subscribe({
      next: (snapshot) => this.#machineMoved(snapshot),
      error: (error) => this.#broken(error),
    });
    this.#machine.start();
    this.#rounds.start();
    this.#hello();
  }

  /** The keeper holds more than before, safely. */
  historyChanged(history: History): void {
    this.#watch(history);
    this.#machine.send({ type: 'history.changed', standing: this.#standing(history) });
    this.#emit({ type: 'ring.changed', ring: this.#ring });
    if (this.#ring.founded) this.#ringEvents.announce('ring', this.#ring.version.digest);
    this.#spreading.plan();
  }

  /** Folds the history and watches those that it names; before the founding, the seeds. */
  #watch(history: History): void {
    this.#ring = foldHistory([...history.records.values()]);
    const known = this.#ring.founded ? this.#ring.nodes.map(({ id }) => id) : foundersOf(this.#options.seeds);
    this.#contacts = known.filter((id) => id !== this.self);
    const watched = new Set(this.#contacts);
    this.#news.watch(watched);
    this.#detectors.watch(watched);
  }

  #standing(history: History): Standing {
    const { self } = this.#options;
    if (this.#ring.founded) return standingInRing(this.#ring.node(self.id), self);
    return standingBeforeFounding(foundingRecordsOf(history.records), self);
  }

  #makeMachine() {
    const machine = membershipMachine.provide({
      actors: {
        askSeeds: fromPromise<void>(() => this.#askSeeds()),
        authorFounding: fromPromise<void>(() => this.#authorFounding()),
        leave: fromPromise<void>(() => this.#leave()),
      },
      actions: { logFailure: (_, { error }: { error: unknown }) => this.#failed(error) },
    });
    const input = {
      standing: this.#standing(this.#keeper.history),
      founder: this.#options.seeds.includes(this.self),
    };
    return createActor(machine, { input, clock: this.#options.clock });
  }

  /** Asks every other seed what it knows. @throws when this node is cut off, so that nothing can be concluded from silence. */
  async #askSeeds(): Promise<void> {
    const seeds = foundersOf(this.#options.seeds).filter((id) => id !== this.self);
    if (seeds.length > 0 && this.#options.bus.status !== 'connected') throw new CutOffError({ node: this.self });
    const outcomes = await Promise.all(seeds.map((id) => this.#gossip.exchange(id, this.#intervals.askTimeoutMs)));
    if (outcomes.includes('disconnected')) throw new CutOffError({ node: this.self });
  }

  /** Persists this node's founding record, unless the history has learnt by now of something that speaks against it. */
  async #authorFounding(): Promise<void> {
    const { self, seeds, partitions, clock } = this.#options;
    await this.#keeper.author((history) => {
      const standing = this.#standing(history);
      if (standing.kind !== 'unfounded' || standing.authored) return undefined;
      const lamport = foundingLamport(history, clock.now());
      const { id, store, weight, zone } = self;
      const founders = foundersOf(seeds);
      return { kind: 'node.founded', lamport, author: id, node: id, store, weight, zone, founders, partitions };
    });
  }

  async #leave(): Promise<void> {
    this.#rounds.stop();
    this.#spreading.stop();
    this.#probes.stop();
    this.#services?.stop();
    for (const stop of this.#stops.splice(0)) stop();
    this.#detectors.stop();
    await this.#keeper.drained();
  }

  #machineMoved(snapshot: SnapshotFrom<typeof membershipMachine>): void {
    const { state, reason } = portStateOf(snapshot);
    if (state === this.#state && reason === this.#reason) return;
    this.#state = state;
    this.#reason = reason;
    this.#services?.serveClients(state === 'member');
    if (state === 'refused') this.#rounds.stop();
    const level = state === 'refused' || reason === 'NOT_A_MEMBER' ? 'error' : 'info';
    const message =
      state === 'refused'
        ? this.#storeReplaced().message
        : `node ${this.self} is ${state}${reason ? ` (${reason})` : ''}`;
    this.#logger({ level, code: 'STATE_CHANGED', message, details: { state, reason } });
    this.#emit({ type: 'state.changed', state, ...(reason === undefined ? {} : { reason }) });
  }

  /** Makes contact with everybody at once: after a start, and when the bus is back. */
  #hello(): void {
    if (this.#quiet()) return;
    for (const id of this.#contacts) void this.#gossip.exchange(id, this.#intervals.gossipTimeoutMs);
  }

  #round(): void {
    const { bus, random } = this.#options;
    this.#detectors.roundPassed(bus.status === 'connected');
    this.#nodeEvents.flush();
    this.#ringEvents.flush();
    if (this.#quiet()) return;
    for (const id of sample(this.#upContacts(), 1, random))
      void this.#gossip.exchange(id, this.#intervals.gossipTimeoutMs);
  }

  #spread(): void {
    if (this.#quiet()) return;
    const count = this.#ring.founded ? fanOut : foundingFanOut;
    const chosen = sample(this.#upContacts(), count, this.#options.random);
    for (const id of chosen) void this.#gossip.exchange(id, this.#intervals.gossipTimeoutMs);
  }

  /** Tells a record to every peer that is up, and waits for them, but not longer than for a probe. */
  async #tellAll(record: MembershipRecord): Promise<void> {
    const tell = async (id: string) => {
      try {
        await this.#gossip.push(id, [record], this.#intervals.probeTimeoutMs);
      } catch (error) {
        this.#failed(error); // gossip brings it there later
      }
    };
    await Promise.all(this.#upContacts().map(tell));
  }

  #upContacts(): string[] {
    return this.#contacts.filter((id) => this.isUp(id));
  }

  /** Whether nothing is to be sent: there is nobody to hear it, or this node must not speak for its id. */
  #quiet(): boolean {
    return this.#options.bus.status !== 'connected' || this.#state === 'refused';
  }

  #answerGossip(from: string, request: Parameters<Gossip['answer']>[1]) {
    if (this.#state === 'refused') throw this.#storeReplaced();
    const reply = this.#gossip.answer(from, request);
    if (!this.isUp(from)) this.#probes.repeatLater(from, () => this.isUp(from));
    return reply;
  }

  #view(have: RingVersion | undefined) {
    const { version } = this.#keeper.history;
    const known = have !== undefined && sameVersion(have, version);
    return { version, ...(known ? {} : { records: [...this.history()] }), peers: [...this.peers()] };
  }

  #statusOf(id: string): PeerStatus {
    const status = this.#detectors.suspicionOf(id) ?? 'up';
    const info = this.#news.infoOf(id);
    const silentMs = this.#detectors.silentMsOf(id);
    return { id, status, ...(info === undefined ? {} : { info }), ...(silentMs === undefined ? {} : { silentMs }) };
  }

  #peerChanged(node: string, status: 'up' | 'down'): void {
    this.#logger({
      level: 'info',
      code: `NODE_${status.toUpperCase()}`,
      message: `node ${node} is ${status}`,
      details: { node },
    });
    this.#nodeEvents.announce(node, status);
    this.#emit({ type: `node.${status}`, node });
  }

  #publishStatus(node: string, status: 'up' | 'down'): void {
    this.#publish(status === 'up' ? nodeUp : nodeDown, { node, observer: this.self });
  }

  #publish<Q>(contract: Contract<Q, undefined>, body: Q): void {
    try {
      this.#options.bus.publish(`events.${contract.verb}`, contract, body);
    } catch (error) {
      this.#failed(error); // an announcement is a convenience: nothing waits for it
    }
  }

  #emit(event: MembershipEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#broken(error);
      }
    }
  }

  #notAMember(): NotAMemberError {
    return new NotAMemberError({ node: this.self, state: this.#state, reason: this.#reason });
  }

  #storeReplaced(): StoreReplacedError {
    const { id, store } = this.#options.self;
    const standing = this.#machine.getSnapshot().context.standing;
    return new StoreReplacedError({
      node: id,
      store,
      knownStore: standing.kind === 'replaced' ? standing.knownStore : 'unknown',
    });
  }

  /** Something that is tried again, or that others make up for. */
  #failed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#logger({ level: 'warn', code: codeOf(error) || 'FAILED', message, details: { node: this.self } });
  }

  /** Something that must not happen: a listener that throws, a machine that fails. */
  #broken(error: unknown): void {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#logger({ level: 'error', code: 'INTERNAL', message, details: { node: this.self } });
  }
}

import { emptyHistory, emptyRing, extendHistory, type MembershipRecord, type Ring } from '@ringfort/ring';
import type { BucketSettings, RingVersion } from '@ringfort/ring/contract';
import { type ActorRefFrom, createActor, fromPromise, type SnapshotFrom, toPromise } from 'xstate';
import type { ClusterChange, ClusterPlan } from './changes.ts';
import { ClusterChanges } from './cluster-changes.ts';
import type { PeerStatus } from './contract.ts';
import { Detection } from './detection.ts';
import type { Detectors } from './detectors.ts';
import { Dissemination } from './dissemination.ts';
import { NotAMemberError, StoreReplacedError } from './errors.ts';
import { foundingEffects } from './founding.ts';
import {
  disagreements,
  foundersOf,
  isNamed,
  type Standing,
  standingBeforeFounding,
  standingInRing,
} from './founding-core.ts';
import { Gossip } from './gossip.ts';
import { foundingRecordsOf, type History, nextLamport, sameVersion } from './history-core.ts';
import { HistoryExchange } from './history-exchange.ts';
import { HistoryKeeper } from './history-keeper.ts';
import { serveIdentity } from './identity.ts';
import { membershipMachine, portStateOf } from './membership-machine.ts';
import { checkOptions, defaultIntervals, type MembershipOptions } from './options.ts';
import { PeerNews } from './peer-news.ts';
import type { FailureReason, MembershipEvent, MembershipState, NodeMembership, SlotRecords } from './port.ts';
import { takePlaceEffect } from './refill.ts';
import { Reporting } from './reporting.ts';
import { Rounds } from './rounds.ts';
import { Services } from './services.ts';
import { checkSettings, isConfigured } from './settings-core.ts';
import { SlotAuthor } from './slot-author.ts';

/**
 * Starts a node's membership: reads its history, serves its peers, and founds or finds the cluster.
 * Resolves as soon as that runs; `state.changed` (or `untilMember()`) tells when the node is a member.
 * @throws InvalidMembershipOptionsError, HistoryCorruptError
 */
export async function createMembership(options: MembershipOptions): Promise<NodeMembership> {
  checkOptions(options);
  const { bus, clock, log, limits, self } = options;
  const reporting = new Reporting({ bus, clock, self: self.id, logger: options.logger ?? (() => undefined) });
  let node: ClusterMembership | undefined;
  const onChange = (history: History) => node?.historyChanged(history);
  const keeper = await HistoryKeeper.open({ log, limits, logger: (entry) => reporting.log(entry), onChange });
  node = new ClusterMembership(options, keeper, reporting);
  node.start();
  return node;
}

/** Assembles the parts around the membership machine: what it decides is carried out by them. */
class ClusterMembership implements NodeMembership {
  readonly self: string;
  readonly slots: SlotRecords;
  readonly #options: MembershipOptions;
  readonly #keeper: HistoryKeeper;
  readonly #reporting: Reporting;
  readonly #news: PeerNews;
  readonly #gossip: Gossip;
  readonly #detection: Detection;
  readonly #histories: HistoryExchange;
  readonly #detectors: Detectors;
  readonly #dissemination: Dissemination;
  readonly #rounds: Rounds;
  readonly #changes: ClusterChanges;
  readonly #machine: ActorRefFrom<typeof membershipMachine>;
  readonly #disagreed = new Set<string>();
  readonly #syncTimeoutMs: number;
  #stopServing: (() => void) | undefined;
  #services: Services | undefined;
  #folded = emptyHistory;
  #ring: Ring = emptyRing;
  #state: MembershipState = 'joining';
  #reason: string | undefined;

  constructor(options: MembershipOptions, keeper: HistoryKeeper, reporting: Reporting) {
    const { bus, clock, random, self } = options;
    const intervals = { ...defaultIntervals, ...options.intervals };
    this.self = self.id;
    this.#options = options;
    this.#keeper = keeper;
    this.#reporting = reporting;
    this.#news = new PeerNews({ self: self.id, clock, info: self.info });
    const logger = reporting.log.bind(reporting);
    const detectors = () => this.#detectors;
    const histories = new HistoryExchange({ bus, keeper, news: this.#news });
    const gossip = new Gossip({ bus, clock, keeper, histories, detectors, news: this.#news, logger });
    this.#gossip = gossip;
    this.#histories = histories;
    const { probeTimeoutMs, gossipMs, suspectAfterMs } = intervals;
    this.#syncTimeoutMs = intervals.gossipTimeoutMs;
    this.#detection = new Detection({
      ...{ self: self.id, bus, clock, random, gossip, news: this.#news, reporting },
      ...{ probeTimeoutMs, gossipMs, suspectAfterMs },
    });
    this.#detectors = this.#detection.detectors;
    this.#dissemination = new Dissemination({
      bus,
      clock,
      random,
      gossip,
      histories,
      timeoutMs: intervals.gossipTimeoutMs,
      tellTimeoutMs: intervals.probeTimeoutMs,
      isUp: (node) => this.isUp(node),
      muted: () => this.#state === 'refused',
      onFailure: (error) => reporting.failed(error),
    });
    this.#rounds = new Rounds({ clock, random, roundMs: intervals.gossipMs, onRound: () => this.#round() });
    this.#changes = new ClusterChanges({
      bus,
      self: self.id,
      keeper,
      askTimeoutMs: intervals.askTimeoutMs,
      isUp: (node) => this.isUp(node),
      mustBeMember: () => this.#mustBeMember(),
      tell: (record) => this.#dissemination.tellAll(record),
    });
    this.slots = new SlotAuthor({
      self: self.id,
      keeper,
      folded: () => this.#folded,
      mustBeMember: () => this.#mustBeMember(),
      tellOne: (node, record) => this.#dissemination.tellOne(node, record),
      tellAll: (record) => this.#dissemination.tellAll(record),
    });
    this.#watch(keeper.history);
    this.#machine = this.#makeMachine(intervals.askTimeoutMs);
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

  /** A suspect counts as up until its probe has ended (`probeTimeoutMs`): a slow answer must not take a node out of use. */
  isUp(node: string): boolean {
    return this.#detectors.suspicionOf(node) !== 'down';
  }

  /** `disconnected` says nothing of the peer: it is this node that is cut off. */
  reportFailure(node: string, reason: FailureReason): void {
    if (reason === 'no-responders' || reason === 'refused') this.#detectors.doubted(node, { kind: reason });
    else if (reason === 'timeout') this.#detectors.doubted(node, { kind: 'unanswered' });
  }

  reportSuccess(node: string): void {
    this.#detectors.answered(node);
  }

  peers(): readonly PeerStatus[] {
    const own: PeerStatus = { id: this.self, status: 'self', info: this.#options.self.info(), silentMs: 0 };
    const others = this.#dissemination.contacts.map((id) => this.#statusOf(id));
    return [own, ...others].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  history(): readonly MembershipRecord[] {
    return [...this.#keeper.history.records.values()];
  }

  syncHistory(node: string, told?: RingVersion): Promise<void> {
    return this.#histories.levelNow(node, told, this.#syncTimeoutMs);
  }

  on(listener: (event: MembershipEvent) => void): { unsubscribe(): void } {
    return this.#reporting.on(listener);
  }

  async configureBucket(bucket: string, settings: BucketSettings): Promise<BucketSettings> {
    const asked = checkSettings(bucket, settings);
    this.#mustBeMember();
    const record = await this.#keeper.author((history) =>
      isConfigured(this.#ring, bucket, asked)
        ? undefined
        : { kind: 'bucket.configured', lamport: nextLamport(history), author: this.self, bucket, settings: asked },
    );
    if (record !== undefined) await this.#dissemination.tellAll(record);
    return this.#ring.bucket(bucket);
  }

  plan(changes: readonly ClusterChange[]): Promise<ClusterPlan> {
    return this.#changes.plan(changes);
  }

  commit(plan: Pick<ClusterPlan, 'basedOn' | 'changes'>): Promise<RingVersion> {
    return this.#changes.commit(plan);
  }

  abort(): Promise<ClusterPlan> {
    return this.#changes.abort();
  }

  async close(): Promise<void> {
    const done = toPromise(this.#machine);
    if (this.#state !== 'left') this.#machine.send({ type: 'leave.start' });
    await done;
  }

  /** Listens before it speaks: of two nodes that start together, at least one hears the other. */
  start(): void {
    const { bus } = this.#options;
    this.#services = new Services(bus, this.self, {
      gossip: (from, request) => this.#answering(from, () => this.#gossip.answer(from, request)),
      compare: (from, request) =>
        this.#answering(from, () => {
          this.#gossip.contacted(from, request.version);
          return this.#histories.answer(from, request);
        }),
      push: async (from, { records }) => {
        await this.#keeper.merge(records, from);
        return { version: this.#keeper.history.version };
      },
      view: ({ have }) => this.#view(have),
      ping: (from, request) => this.#answerPing(from, request),
      indirectPing: (request, timeoutMs) => this.#detection.probes.pingForOther(request, timeoutMs),
    });
    this.#detection.listen();
    const status = bus.onStatus((now) => now === 'connected' && this.#dissemination.hello());
    const identity = serveIdentity(bus, this.#options.self);
    this.#stopServing = () => {
      status.unsubscribe();
      identity.unsubscribe();
    };
    const onError = (error: unknown) => this.#reporting.broken(error);
    this.#machine.subscribe({ next: (snapshot) => this.#machineMoved(snapshot), error: onError });
    this.#machine.start();
    this.#rounds.start();
    this.#dissemination.hello();
  }

  /** The keeper holds more than before, safely. */
  historyChanged(history: History): void {
    if (this.#state === 'left') return;
    this.#watch(history);
    this.#machine.send({ type: 'history.changed', standing: this.#standingOf(history) });
    this.#reporting.emit({ type: 'ring.changed', ring: this.#ring });
    if (this.#ring.founded) this.#reporting.ringVersion(this.#ring.version);
    else this.#logDisagreements(history);
    this.#dissemination.spreadSoon();
  }

  /** Folds the history and watches those that it names; before the founding, the seeds. */
  #watch(history: History): void {
    const grown = extendHistory(this.#folded, history.records.values());
    // A founding, complete now, may have left records out.
    const whole = grown.records.length === history.records.size;
    this.#folded = whole ? grown : extendHistory(emptyHistory, history.records.values());
    this.#ring = this.#folded.ring;
    const known = this.#ring.founded ? this.#ring.nodes.map(({ id }) => id) : foundersOf(this.#options.seeds);
    const contacts = known.filter((id) => id !== this.self);
    this.#dissemination.meet(contacts, this.#ring.founded);
    this.#news.watch(new Set(contacts), known);
    this.#detectors.watch(new Set(contacts));
  }

  #standingOf(history: History): Standing {
    const { self, refillable } = this.#options;
    const mayTakePlace = () => refillable?.mayTakePlace() === true && !isNamed(history.records.values(), self.store);
    if (this.#ring.founded) return standingInRing(this.#ring.node(self.id), self, mayTakePlace);
    return standingBeforeFounding(foundingRecordsOf(history.records), self);
  }

  #makeMachine(askTimeoutMs: number) {
    const { keeper, gossip, options } = { keeper: this.#keeper, gossip: this.#gossip, options: this.#options };
    const standingOf = (history: History) => this.#standingOf(history);
    const { askSeeds, authorFounding } = foundingEffects({ options, askTimeoutMs, gossip, keeper, standingOf });
    const machine = membershipMachine.provide({
      actors: {
        askSeeds: fromPromise<void>(askSeeds),
        authorFounding: fromPromise<void>(authorFounding),
        takePlace: fromPromise<void>(
          takePlaceEffect({
            ...options,
            ...{ askTimeoutMs, gossip, keeper, standingOf },
            others: () => this.#dissemination.contacts,
          }),
        ),
        leave: fromPromise<void>(() => this.#leave()),
      },
      actions: { logFailure: (_, { error }: { error: unknown }) => this.#reporting.failed(error) },
    });
    const input = { standing: standingOf(keeper.history), founder: options.seeds.includes(this.self) };
    return createActor(machine, { input, clock: options.clock });
  }

  async #leave(): Promise<void> {
    this.#rounds.stop();
    this.#dissemination.stop();
    this.#detection.stop();
    this.#services?.stop();
    this.#stopServing?.();
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
    const plain = `node ${this.self} is ${state}${reason ? ` (${reason})` : ''}`;
    const message = state === 'refused' ? this.#storeReplaced().message : plain;
    this.#reporting.log({ level, code: 'STATE_CHANGED', message, details: { state, reason } });
    this.#reporting.emit({ type: 'state.changed', state, ...(reason === undefined ? {} : { reason }) });
  }

  #round(): void {
    this.#detectors.roundPassed(this.#options.bus.status === 'connected');
    this.#reporting.flush();
    this.#dissemination.round();
  }

  #answering<T>(from: string, answer: () => T): T {
    if (this.#state === 'refused') throw this.#storeReplaced();
    const reply = answer();
    if (!this.isUp(from)) this.#detection.probes.repeatLater(from, () => this.isUp(from));
    return reply;
  }

  #answerPing(from: string, { suspected }: { readonly suspected?: number | undefined }) {
    if (this.#state === 'refused') throw this.#storeReplaced();
    if (suspected !== undefined) this.#news.refuteSuspicion(suspected);
    this.#detectors.contacted(from);
    return { beat: this.#news.ownBeat(), records: this.#keeper.history.version.size };
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

  #logDisagreements(history: History): void {
    const { seeds, partitions } = this.#options;
    for (const record of disagreements(foundingRecordsOf(history.records), foundersOf(seeds), partitions)) {
      if (this.#disagreed.has(record.node)) continue;
      this.#disagreed.add(record.node);
      const message =
        `node ${record.node} founds with seeds ${record.founders.join(',')} and ${record.partitions} partitions, ` +
        `this node with ${foundersOf(seeds).join(',')} and ${partitions}: start all founders with the same.`;
      this.#reporting.log({ level: 'warn', code: 'FOUNDERS_DISAGREE', message, details: { record } });
    }
  }

  #mustBeMember(): void {
    if (this.#state !== 'member') {
      throw new NotAMemberError({ node: this.self, state: this.#state, reason: this.#reason });
    }
  }

  #storeReplaced(): StoreReplacedError {
    const { id, store } = this.#options.self;
    const { standing } = this.#machine.getSnapshot().context;
    const knownStore = standing.kind === 'replaced' ? standing.knownStore : 'unknown';
    return new StoreReplacedError({ node: id, store, knownStore });
  }
}

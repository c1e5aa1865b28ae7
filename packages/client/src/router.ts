import { type Bus, type Clock, DeadlineWheel, type Random, type Subscription } from '@ringfort/bus';
import { nodeDown, nodeUp, type PeerStatus, ringChanged } from '@ringfort/membership/contract';
import type { Ring, RingVersion } from '@ringfort/ring';
import { type Actor, createActor } from 'xstate';
import { type ClientMode, clientMachine } from './client-machine.ts';
import { Health } from './health.ts';
import type { Settings } from './options.ts';
import { type Peer, pickPeer, RingPeers } from './peers.ts';
import { ViewKeeper } from './view-keeper.ts';

export interface RouterOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: Settings;
}

/** A request that waits for a connection. */
export interface Waiting {
  resume(): void;
}

/** What the client knows of the cluster now. */
export interface ClusterView {
  readonly mode: ClientMode;
  readonly version: RingVersion | undefined;
  readonly partitions: number | undefined;
  readonly nodes: readonly { readonly id: string; readonly suspect: boolean }[];
  /** Code of the failure by which the last refresh had no answer. */
  readonly refreshFailure: string | undefined;
}

const none: readonly Peer[] = [];

/** Where requests go. The machine holds the mode; everything a request asks here is a read. */
export class Router {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly settings: Settings;
  readonly wheel: DeadlineWheel;
  readonly #views: ViewKeeper;
  readonly #health: Health;
  readonly #machine: Actor<typeof clientMachine>;
  readonly #subscriptions: Subscription[];
  /** Any node, by verb, for as long as no ring is known. */
  readonly #anyNode = new Map<string, Peer>();
  readonly #waiting = new Set<Waiting>();
  #mode: ClientMode = 'connecting';
  #peers: RingPeers | undefined;

  constructor(options: RouterOptions) {
    const { bus, clock, settings } = options;
    this.bus = bus;
    this.clock = clock;
    this.settings = settings;
    this.wheel = new DeadlineWheel(clock);
    this.#views = new ViewKeeper({ ...options, onView: (ring, peers) => this.#onView(ring, peers) });
    this.#health = new Health({ ...options, version: () => this.#views.ring?.version });
    this.#machine = this.#start();
    this.#subscriptions = this.#listen();
  }

  get mode(): ClientMode {
    return this.#mode;
  }

  get version(): RingVersion | undefined {
    return this.#views.ring?.version;
  }

  /** Resolves when the first question for a view has ended. */
  get firstAsked(): Promise<void> {
    return this.#views.firstAsked;
  }

  view(): ClusterView {
    const { ring, lastFailure } = this.#views;
    return {
      mode: this.#mode,
      version: ring?.version,
      partitions: ring?.partitions,
      nodes: (ring?.nodes ?? []).map(({ id }) => ({ id, suspect: this.#health.isSuspect(id) })),
      refreshFailure: lastFailure?.code,
    };
  }

  /** The nodes of the key in the order in which they are asked; empty while no ring is known. */
  nodesOf(bucket: string, key: string): readonly Peer[] {
    return this.#peers === undefined ? none : this.#peers.of(bucket, key);
  }

  /** Where the request goes next; undefined when every node was tried. Without a list: any node, as often as there are attempts. */
  pick(list: readonly Peer[], verb: string, tried: readonly Peer[]): Peer | undefined {
    return list.length === 0 ? this.#anyNodeFor(verb) : pickPeer(list, this.#health.isSuspect, tried);
  }

  /** A request to the peer failed on its way, or was slow. */
  suspect(peer: Peer): void {
    if (this.#views.ring?.node(peer.id) !== undefined) this.#health.suspect(peer.id);
  }

  refresh(): void {
    this.#views.refresh();
  }

  /** Puts a request off until there is a connection. False: too many wait already. */
  wait(request: Waiting): boolean {
    if (this.#waiting.size >= this.settings.maxWaiting) return false;
    this.#waiting.add(request);
    return true;
  }

  stopWaiting(request: Waiting): void {
    this.#waiting.delete(request);
  }

  close(): void {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#views.close();
    this.#health.close();
    this.#machine.send({ type: 'close' });
    this.wheel.clear();
  }

  #anyNodeFor(verb: string): Peer {
    let peer = this.#anyNode.get(verb);
    if (peer === undefined) {
      peer = { id: verb, address: `kv.${verb}` };
      this.#anyNode.set(verb, peer);
    }
    return peer;
  }

  #start(): Actor<typeof clientMachine> {
    const machine = clientMachine.provide({
      actions: {
        refreshView: () => this.#views.refresh(),
        resumeWaiting: () => this.#resumeAll(),
        failWaiting: () => this.#resumeAll(),
      },
    });
    const actor = createActor(machine, { input: { knowsRing: () => this.#views.ring !== undefined } });
    actor.subscribe({
      next: (snapshot) => {
        this.#mode = snapshot.value;
      },
      // Only a fault of this package ends here; requests then answer CLIENT_CLOSED rather than hang.
      error: () => {
        this.#mode = 'closed';
        this.#resumeAll();
      },
    });
    actor.start();
    return actor;
  }

  #listen(): Subscription[] {
    const { bus } = this;
    const onStatus = (status: Bus['status']) => {
      this.#machine.send({ type: status === 'connected' ? 'bus.connected' : 'bus.disconnected' });
    };
    if (bus.status === 'connected') onStatus('connected');
    return [
      bus.onStatus(onStatus),
      bus.listen('events.ring.changed', ringChanged, ({ version }) => {
        const known = this.version;
        if (known?.size !== version.size || known.digest !== version.digest) this.refresh();
      }),
      bus.listen('events.node.up', nodeUp, ({ node }) => this.#health.reconsider(node)),
      bus.listen('events.node.down', nodeDown, ({ node }) => {
        if (this.#views.ring?.node(node) !== undefined) this.#health.suspect(node);
      }),
    ];
  }

  #onView(ring: Ring | undefined, peers: readonly PeerStatus[]): void {
    if (ring === undefined) return;
    this.#health.forget((node) => ring.node(node) !== undefined);
    if (this.#peers?.ring !== ring) this.#peers = new RingPeers(ring);
    for (const { id, status } of peers) if (status === 'down' && ring.node(id) !== undefined) this.#health.suspect(id);
    if (this.#mode === 'viewless') this.#machine.send({ type: 'ring.learnt' });
  }

  /** After the machine has settled in its new state, so that what is resumed reads the new mode. */
  #resumeAll(): void {
    queueMicrotask(() => {
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      for (const request of waiting) request.resume();
    });
  }
}

import { partitionOf } from '@ringfort/ring';
import type { RecordId, Store } from '@ringfort/storage';
import type { VersionedObject } from '@ringfort/versioning';
import { type SeededRandom, seededRandom, type VirtualClock, virtualClock } from '../../src/index.ts';
import { ActorNames } from '../actor-names.ts';
import { Dots } from '../dots.ts';
import { EventLog } from '../event-log.ts';
import { SimDisk } from '../sim-disk.ts';
import { SimNetwork } from '../sim-network.ts';
import { type NodeWorld, SimNode } from '../sim-node.ts';
import type { StoreWatcher } from '../watched-store.ts';
import { WireTap } from '../wire-tap.ts';
import { Wording } from '../wording.ts';
import { ScriptClient } from './script-client.ts';
import { steadyRandom } from './steady-random.ts';

export const SCRIPT_BUCKET = 'shop';
const N = 3;
const SEED = 1;
const START_MS = 1_700_000_000_000;
const PARTITIONS = 16;
const FLUSH_MS = 0.3;
const FOUNDING_MS = 30_000;
const CALM_MS = 5_000;
const LOOK_MS = 10;

/**
 * The nodes and clients of a script. Nodes are called by what they are to the script's key: `p1` to `p3` are its primaries in the order of its
 * preference list, `s1` and so on those that stand in for them. So a script means the same whatever the ring makes of the key.
 */
export class ScriptCluster {
  readonly clock: VirtualClock = virtualClock({ startMs: START_MS });
  readonly log = new EventLog(this.clock.monotonicMs, true);
  readonly network = new SimNetwork(this.clock, steadyRandom, this.log);
  readonly wording: Wording;
  readonly dots: Dots;
  readonly nodes: readonly SimNode[];
  readonly clients = new Map<string, ScriptClient>();
  readonly #random: SeededRandom = seededRandom(SEED);
  readonly #names = new Map<string, string>();

  constructor(count: number) {
    this.wording = new Wording(new ActorNames(), (node) => this.nameOf(node));
    this.dots = new Dots(new EventLog(this.clock.monotonicMs, false));
    this.network.watcher = new WireTap((message) => this.log.addMessage(message)).watch;
    const seeds = Array.from({ length: count }, (_, index) => `n${index + 1}`);
    const { clock, network, log } = this;
    const shared: NodeWorld = {
      clock,
      network,
      log,
      watcher: this.#watcher(),
      seeds,
      partitions: PARTITIONS,
      durability: 'fsync',
      maxHintBytesPerTarget: 1_000_000,
      limits: {},
      antiEntropyMs: 0,
      collectMs: 0,
      courtesyMs: 0,
      scrubMs: 0,
    };
    this.nodes = seeds.map((id) => new SimNode(id, this.#newDisk(), shared, this.#random.fork()));
  }

  /** Starts all nodes, and names them by the key. */
  async found(keyName: string | undefined): Promise<void> {
    for (const node of this.nodes) this.start(node);
    if (!(await this.until(FOUNDING_MS, () => this.nodes.every(({ life }) => life?.membership.state === 'member'))))
      throw new Error('the cluster was not founded');
    await this.clock.advanceAsync(CALM_MS);
    if (keyName === undefined) return;
    this.preferenceList(this.idOf(keyName)).forEach((node, index) => {
      this.#names.set(node, index < N ? `p${index + 1}` : `s${index + 1 - N}`);
    });
  }

  async addClient(id: string): Promise<void> {
    const { clock, network, log, wording } = this;
    const client = new ScriptClient(id, { clock, network, log, wording, random: this.#random.fork() });
    this.clients.set(id, client);
    let connected = false;
    void client.connect().then(() => {
      connected = true;
    });
    await this.until(CALM_MS, () => connected);
  }

  start(node: SimNode): void {
    void node.start().then(() => {
      const { membership } = node.life!;
      membership.on((event) => {
        if (event.type === 'node.up' || event.type === 'node.down')
          this.log.add(node.id, `takes ${this.nameOf(event.node)} for ${event.type.slice('node.'.length)}`);
        if (event.type === 'state.changed') this.log.add(node.id, `is ${event.state} ${event.reason ?? ''}`.trim());
      });
    });
  }

  get running(): SimNode[] {
    return this.nodes.filter(({ running }) => running);
  }

  /** What the script calls the process. */
  nameOf(id: string): string {
    return this.#names.get(id) ?? id;
  }

  node(name: string): SimNode {
    const node = this.nodes.find(({ id }) => this.nameOf(id) === name);
    if (node === undefined) throw new RangeError(`no node ${name}`);
    return node;
  }

  client(name: string): ScriptClient {
    const client = this.clients.get(name);
    if (client === undefined) throw new RangeError(`no client ${name}`);
    return client;
  }

  /** Its name on the network: `node.n1`. */
  identityOf(name: string): string {
    return this.clients.has(name) ? `client.${name}` : `node.${this.node(name).id}`;
  }

  /** All nodes, in the order of the names that the script has for them. */
  get byName(): SimNode[] {
    return [...this.nodes].sort((a, b) => (this.nameOf(a.id) < this.nameOf(b.id) ? -1 : 1));
  }

  idOf(keyName: string): RecordId {
    const [key = '', bucket = SCRIPT_BUCKET] = keyName.split('/').reverse();
    return { partition: partitionOf(bucket, key, PARTITIONS), bucket, key };
  }

  preferenceList({ partition }: RecordId): readonly string[] {
    const ring = this.running.find(({ life }) => life !== undefined)?.life?.membership.ring;
    if (ring === undefined) throw new RangeError('no node runs');
    return ring.preferenceList(partition);
  }

  /** What is on the node, or, when it does not run, on its disk. */
  storeOf(node: SimNode): Store {
    return node.life?.store ?? node.disk.peek();
  }

  async until(ms: number, isTrue: () => boolean, lookMs = LOOK_MS): Promise<boolean> {
    for (let passedMs = 0; passedMs < ms && !isTrue(); passedMs += lookMs) await this.clock.advanceAsync(lookMs);
    return isTrue();
  }

  #newDisk(): SimDisk {
    const disk = new SimDisk(Buffer.from(this.#random.bytes(16)).toString('hex'));
    disk.times = { syncMs: FLUSH_MS, spreadMs: 0 };
    return disk;
  }

  #watcher(): StoreWatcher {
    return {
      objectSeen: (node: string, id: RecordId, object: VersionedObject, how: string) => {
        this.dots.objectSeen(node, id, object, how);
        const owed = how.startsWith('hint for ')
          ? ` for ${how
              .slice('hint for '.length)
              .split(' ')
              .map((one) => this.nameOf(one))
              .sort()
              .join(' ')}`
          : '';
        this.log.add(node, `stores ${id.key} ${this.wording.object(object, node)}${owed}`);
      },
    };
  }
}

import { partitionOf, type Ring } from '@ringfort/ring';
import type { RecordId } from '@ringfort/storage';
import type { SeededRandom } from '../src/index.ts';
import type { Dots } from './dots.ts';
import type { SimPlan } from './plan-shape.ts';
import { BUCKET, type SimClient } from './sim-client.ts';
import { SimDisk } from './sim-disk.ts';
import { type NodeWorld, SimNode } from './sim-node.ts';
import { readable } from './watched-store.ts';
import { keyNames } from './workload.ts';

/** What becomes of a disk when its machine goes down. */
export type DiskFate = 'kept' | 'power lost' | 'tail lost' | 'replaced';

/** The nodes and clients of one run, and what can be done to them. */
export class SimCluster {
  /** Those that joined later at the end. */
  readonly nodes: SimNode[];
  readonly clients: readonly SimClient[];
  /** The one that came back with an empty disk. */
  wiped: SimNode | undefined;
  readonly ids: readonly RecordId[];
  /** The one on whose disk bits flip. */
  rotten: SimNode | undefined;
  /** Nodes whose machine is gone for good. */
  readonly lost = new Set<string>();
  /** Changes of the members that operators are about to make. */
  changes = 0;
  readonly #dots: Dots;
  readonly #random: SeededRandom;
  readonly #faults: (error: unknown) => void;
  readonly #world: NodeWorld;

  constructor(
    plan: SimPlan,
    world: NodeWorld,
    parts: { clients: readonly SimClient[]; dots: Dots; random: SeededRandom; onFault: (error: unknown) => void },
  ) {
    this.#dots = parts.dots;
    this.#random = parts.random;
    this.#faults = parts.onFault;
    this.#world = world;
    this.clients = parts.clients;
    this.nodes = world.seeds.map((id) => new SimNode(id, this.#newDisk(), world, parts.random.fork()));
    this.ids = keyNames(plan).map((key) => ({
      partition: partitionOf(BUCKET, key, plan.partitions),
      bucket: BUCKET,
      key,
    }));
  }

  get running(): SimNode[] {
    return this.nodes.filter(({ running }) => running);
  }

  /** As whoever knows most of the history knows it; undefined: nobody runs, or the cluster is not founded. */
  get ring(): Ring | undefined {
    const rings = this.nodes.flatMap(({ life }) => (life?.membership.ring.founded ? [life.membership.ring] : []));
    return rings.sort((a, b) => b.version.size - a.version.size)[0];
  }

  /** Nodes that take part: not those that are members no more, or not yet. */
  get members(): SimNode[] {
    const { ring } = this;
    return this.nodes.filter(({ id }) => ring === undefined || ring.node(id) !== undefined);
  }

  /** Whether no slot waits for the successor of a machine that is gone. */
  get isOneMayBeLost(): boolean {
    const { ring } = this;
    if (ring === undefined || this.wiped !== undefined || this.changes > 0) return false;
    if (!this.isNobodyLostMember) return false;
    return Array.from({ length: ring.partitions }, (_, partition) => ring.moves(partition)).every((moves) =>
      moves.every(({ vacant }) => !vacant),
    );
  }

  /** Whether the cluster knows of all machines that are gone. */
  get isNobodyLostMember(): boolean {
    const { ring } = this;
    return ring !== undefined && [...this.lost].every((id) => ring.node(id) === undefined);
  }

  /** Another node starts, with an empty disk: it is not a member until it is added. */
  join(): SimNode {
    const node = new SimNode(`n${this.nodes.length + 1}`, this.#newDisk(), this.#world, this.#random.fork());
    this.nodes.push(node);
    this.start(node);
    return node;
  }

  /** The node's machine is gone with its disk, and does not come back. */
  lose(node: SimNode): void {
    const held = this.#dots.heldBy(readable(node.life?.store ?? node.disk.peek()), this.ids);
    if (node.running) node.kill(true);
    this.lost.add(node.id);
    this.#dots.noteLosses(node.id, held, true);
  }

  /** Identities of all processes on the network. */
  get ends(): string[] {
    return [...this.nodes.map(({ id }) => `node.${id}`), ...this.clients.map(({ id }) => `client.${id}`)];
  }

  /** The node at this place of the first key's preference list: 0 is its first primary. */
  nodeAt(place: number): SimNode {
    const ring = this.nodes.find(({ life }) => life !== undefined)?.life?.membership.ring;
    const list = ring?.preferenceList(this.ids[0]!.partition) ?? [];
    return this.nodes.find(({ id }) => id === list[place]) ?? this.nodes[place]!;
  }

  start(node: SimNode): void {
    if (!this.lost.has(node.id)) node.start().catch(this.#faults);
  }

  stop(node: SimNode): void {
    node.stop().catch(this.#faults);
  }

  /** Kills the node's process; what its disk forgets by that is noted, also while the store is still being opened. */
  crash(node: SimNode, noticed: boolean, fate: DiskFate): void {
    const held = fate === 'kept' ? [] : this.#dots.heldBy(readable(node.life?.store ?? node.disk.peek()), this.ids);
    node.kill(noticed);
    if (fate === 'kept') return;
    if (fate === 'replaced') {
      node.replaceDisk(this.#newDisk());
      this.wiped = node;
      this.#dots.noteLosses(node.id, held, true, true);
      return;
    }
    const { disk } = node;
    disk.losePower(fate === 'power lost' ? this.#random.below(disk.unsynced + 1) : 0);
    if (fate === 'tail lost') disk.loseTail(1 + this.#random.below(20));
    const left = readable(disk.peek());
    this.#dots.noteLosses(node.id, this.#dots.lostBy(left, held), fate === 'tail lost');
  }

  /**
   * Bits flip on the node's disk, by `damage`, which answers whether they did; what is lost by that is noted. One node's disk at most: else the
   * last copy of a value may be gone without any fault of the store.
   */
  corrupt(node: SimNode, damage: (disk: SimDisk) => boolean): boolean {
    this.rotten ??= node;
    if (this.rotten !== node || this.wiped !== undefined) return false;
    const held = this.#dots.heldBy(readable(node.disk.peek()), this.ids);
    if (!damage(node.disk)) return false;
    this.#dots.noteLosses(node.id, this.#dots.lostBy(readable(node.disk.peek()), held), true);
    return true;
  }

  #newDisk(): SimDisk {
    return new SimDisk(Buffer.from(this.#random.bytes(16)).toString('hex'));
  }
}

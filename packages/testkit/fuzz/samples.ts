import * as antiEntropy from '@ringfort/anti-entropy/contract';
import type { Contract } from '@ringfort/bus';
import * as kv from '@ringfort/coordinator/contract';
import * as membership from '@ringfort/membership';
import type { MembershipRecord } from '@ringfort/ring/contract';
import * as storage from '@ringfort/storage/contract';
import { encodeContext, encodeObject, makeContext, updateObject } from '@ringfort/versioning';
import { BodyCodec } from '../../bus/src/body-codec.ts';
import { encodeVerb, FrameWriter, MessageKind } from '../../bus/src/frame-core.ts';
import { packStamps } from '../../membership/src/stamps-core.ts';
import type { SeededRandom } from '../src/index.ts';

/** Valid inputs of every kind: what all spoilt ones begin as. */

/** Keys that valid requests name; few, so that what they write does not grow. */
export const openBucket = 'open';
export const OPEN_KEYS = 48;
/** Keys that only spoilt requests name: nothing may happen to them unless one is valid all the same. */
export const guardedBucket = 'guarded';
export const guardedKeys = Array.from({ length: 24 }, (_, number) => `guarded-${number}-key-of-nobody`);
export const evil = 'client.evil';

export interface Ask {
  readonly address: string;
  readonly contract: Contract;
  readonly body: unknown;
}

const nodes = ['n1', 'n2', 'n3'];
const version = { size: 3, digest: '0123456789abcdef' };
const info = { http: 'http://127.0.0.1:7001', pid: 7, version: '0.1.0', hintsHeld: 0 };
const quorums = [1, 2, 3, 'one', 'quorum', 'all'] as const;

export function drawRecord(random: SeededRandom): MembershipRecord {
  const common = { lamport: random.below(2 ** 31), author: random.pick(nodes) };
  const node = random.pick(nodes);
  const place = { node, store: '0123456789abcdef', weight: 1 + random.below(9) / 8, zone: 'default' };
  const settings = { n: 3, r: 2, w: 2, conflict: random.pick(['siblings', 'lww'] as const) };
  return random.pick<() => MembershipRecord>([
    () => ({ ...common, ...place, kind: 'node.founded', founders: nodes, partitions: 64 }),
    () => ({ ...common, ...place, kind: 'node.added' }),
    () => ({ ...common, kind: 'node.removed', node }),
    () => ({ ...common, kind: 'node.replaced', node, by: 'n9', store: place.store }),
    () => ({ ...common, kind: 'node.reweighted', node, weight: place.weight }),
    () => ({ ...common, kind: 'node.rezoned', node, zone: 'b' }),
    () => ({ ...common, kind: random.pick(['node.leaving', 'node.staying', 'node.left'] as const), node }),
    () => ({ ...common, ...drawSlot(random), kind: 'slot.handedOver' }),
    () => ({ ...common, kind: 'bucket.configured', bucket: 'b', settings }),
    () => ({ ...common, kind: 'store.replaced', node, store: place.store }),
  ])();
}

function drawSlot(random: SeededRandom) {
  const slot = { partition: random.below(64), replica: random.below(3), turn: random.below(9) };
  return { ...slot, ...maybe(random, { from: random.pick(nodes), to: random.pick(nodes), witnesses: nodes }) };
}

/** `maybe(random, { a, b })`: some of them. */
function maybe<T extends object>(random: SeededRandom, fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(() => random.chance(0.4))) as Partial<T>;
}

export const drawContextBytes = (random: SeededRandom): Uint8Array =>
  encodeContext(makeContext([[`${'0'.repeat(15)}${random.below(10)}-1`, 1 + random.below(9)]], []));

function drawObjectBytes(random: SeededRandom): Uint8Array {
  const payload = { value: random.bytes(random.below(200)), contentType: 'text/plain' };
  return encodeObject(updateObject(undefined, undefined, { actor: 'a', counter: 1 + random.below(9) }, payload));
}

function drawPlace(random: SeededRandom): { bucket: string; key: string } {
  if (random.chance(0.2)) return { bucket: guardedBucket, key: random.pick(guardedKeys) };
  return { bucket: openBucket, key: `k${random.below(OPEN_KEYS)}` };
}

function drawKvAsk(random: SeededRandom): readonly [Contract, unknown] {
  const quorum = () => random.pick(quorums);
  const place = { ...drawPlace(random), ...maybe(random, { sloppy: true, ring: version, hops: 1 }) };
  const write = () => maybe(random, { context: drawContextBytes(random), w: quorum(), dw: 0, session: 's1', seq: 1 });
  const value = () => random.bytes(random.below(200));
  const cursor = 'WzMsImsxIl0';
  return random.pick<() => readonly [Contract, unknown]>([
    () => [kv.get as Contract, { ...place, ...maybe(random, { r: quorum() }) }],
    () => [
      kv.put as Contract,
      { ...place, value: value(), ...write(), ...maybe(random, { contentType: 'text/plain' }) },
    ],
    () => [kv.remove as Contract, { ...place, ...write() }],
    () => [kv.keys as Contract, { bucket: openBucket, limit: 1 + random.below(20), ...maybe(random, { cursor }) }],
    () => [kv.replicas as Contract, drawPlace(random)],
  ])();
}

function drawStorageAsk(random: SeededRandom): readonly [Contract, unknown] {
  const id = { partition: random.below(64), ...drawPlace(random) };
  const have = '0123456789abcdef';
  const slots = random.below(3) * 2 ** 32 + 17;
  return random.pick<() => readonly [Contract, unknown]>([
    () => [storage.replicaRead as Contract, { ...id, ...maybe(random, { have, standIn: true, slots }) }],
    () => [
      storage.replicaWrite as Contract,
      { ...id, object: drawObjectBytes(random), ...maybe(random, { sync: true, owedTo: ['n2'], slots }) },
    ],
    () => [storage.replicaVerify as Contract, { items: [id, { ...id, digest: have }] }],
    () => [storage.replicaKeys as Contract, { partition: id.partition, bucket: openBucket, after: 'k', limit: 9 }],
  ])();
}

function drawMembershipAsk(random: SeededRandom): readonly [Contract, unknown] {
  const life = { incarnation: random.below(2 ** 31), beat: random.below(2 ** 31) };
  const entries = maybe(random, { ...info, storage: 'serving' });
  const self = { node: 'n1', ...life, ...maybe(random, { info: { since: 0, version: 1 + random.below(9), entries } }) };
  const about = random.pick([{ ids: nodes }, { roster: '0123456789abcdef', start: random.below(3), count: 3 }]);
  const stamp = (position: number) => ({ position, life: random.below(2 ** 16), beat: life.beat, infoVersion: 1 });
  const stamps = packStamps([0, 2].slice(random.below(2)).map(stamp));
  const prefix = '0123'.slice(random.below(4));
  const hash = '0123456789abcdef';
  const comparison = {
    parts: [{ prefix, count: random.below(99), sum: hash }],
    lists: [{ prefix, hashes: [hash] }],
    wants: [hash],
    records: [drawRecord(random)],
  };
  return random.pick<() => readonly [Contract, unknown]>([
    () => [membership.gossip as Contract, { version, self, about, stamps }],
    () => [membership.compareHistories as Contract, { version, ...comparison }],
    () => [membership.pushRecords as Contract, { records: [drawRecord(random), drawRecord(random)] }],
    () => [membership.view as Contract, maybe(random, { have: version })],
    () => [membership.ping as Contract, maybe(random, { suspected: random.below(2 ** 31) })],
    () => [membership.indirectPing as Contract, { node: random.pick(nodes), ...maybe(random, { suspected: 1 }) }],
  ])();
}

function drawExchangeAsk(random: SeededRandom): readonly [Contract, unknown] {
  const partition = random.below(64);
  const digest = '0123456789abcdef';
  const name = () => drawPlace(random);
  const held = () => ({ ...name(), ...maybe(random, { digest }) });
  return random.pick<() => readonly [Contract, unknown]>([
    () => [antiEntropy.roots as Contract, { partitions: [{ partition, barrier: random.below(2), root: digest }] }],
    () => [antiEntropy.leaves as Contract, { partition, branches: random.bytes(256) }],
    () => [
      antiEntropy.records as Contract,
      {
        partition,
        leaves: [random.below(1024)],
        records: [held()],
        ...maybe(random, { after: name(), until: name() }),
      },
    ],
    () => [
      antiEntropy.objects as Contract,
      { partition, objects: [{ ...name(), object: drawObjectBytes(random) }], wants: [name()] },
    ],
  ])();
}

/** A request, with the address (without the cluster's prefix) at which it is served. */
export function drawAsk(random: SeededRandom): Ask {
  const node = random.pick(nodes);
  const kind = random.below(10);
  const events = [membership.ringChanged, membership.nodeUp, membership.nodeDown] as readonly Contract[];
  if (kind === 0) {
    const contract = random.pick(events);
    if (random.chance(0.2)) {
      const body = { observer: 'n2', suspects: [{ node, incarnation: random.below(2 ** 31) }] };
      return { address: 'events.node.suspected', contract: membership.nodeSuspected as Contract, body };
    }
    return { address: `events.${contract.verb}`, contract, body: { node, version, observer: 'n2' } };
  }
  const [part, [contract, body]] =
    kind < 4
      ? (['storage', drawStorageAsk(random)] as const)
      : kind < 6
        ? (['membership', drawMembershipAsk(random)] as const)
        : kind < 7
          ? (['anti-entropy', drawExchangeAsk(random)] as const)
          : (['coordinator', drawKvAsk(random)] as const);
  const isShared = (part === 'coordinator' || contract.verb === 'view') && random.chance(0.3);
  return { address: isShared ? `kv.${contract.verb}` : `node.${node}.${part}`, contract, body };
}

const codecs = new Map<unknown, BodyCodec>();
/** Bodies of this contract; one codec each. */
export function codecOf(schema: Contract['request']): BodyCodec {
  const codec = codecs.get(schema) ?? new BodyCodec(schema);
  codecs.set(schema, codec);
  return codec;
}

export function packed(contract: Contract, version: number, body: unknown): Buffer {
  const { bytes, length } = codecOf(contract.request).pack('the body of', contract.verb, version, body);
  return Buffer.from(bytes.subarray(0, length));
}

/** A frame with these requests, numbered on from `id`. */
export function frameOf(version: number, id: number, asks: readonly Ask[], bodies: readonly Buffer[]): Buffer {
  const writer = new FrameWriter(version, evil);
  for (const [index, { contract, address }] of asks.entries()) {
    const kind = address.startsWith('events.') ? MessageKind.event : MessageKind.request;
    writer.append(kind, id + index, encodeVerb(contract.verb), 0, 2_000, bodies[index]!);
  }
  return Buffer.from(writer.take());
}

/** Every contract that a node serves, by verb. */
export const served: ReadonlyMap<string, Contract> = new Map(
  [
    ...[kv.get, kv.put, kv.remove, kv.keys, kv.replicas],
    ...[antiEntropy.roots, antiEntropy.leaves, antiEntropy.records, antiEntropy.objects],
    ...[storage.replicaRead, storage.replicaWrite, storage.replicaVerify, storage.replicaKeys],
    ...[membership.gossip, membership.compareHistories, membership.pushRecords, membership.view],
    ...[membership.ping, membership.indirectPing],
    ...[membership.ringChanged, membership.nodeUp, membership.nodeDown, membership.nodeSuspected],
  ].map((contract): [string, Contract] => [contract.verb, contract as Contract]),
);

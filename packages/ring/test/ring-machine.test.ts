import { describe, expect, it } from 'vitest';
import {
  createRing,
  foldHistory,
  type LookupReply,
  lookupReplySchema,
  lookupRequestSchema,
  membershipRecordSchema,
  partitionOf,
  type RingActor,
  type RingChanged,
  RingUnfoundedError,
  ringAddress,
  ringLookup,
  ringOf,
} from '../src/index.ts';
import { adding, founding } from './models.ts';

const records = founding(['a', 'b', 'c', 'd']);
const onError = (error: unknown) => {
  throw error;
};

function ask(ring: RingActor, key: string): Promise<LookupReply> {
  return new Promise((reply, fail) => ring.send({ type: 'lookup', body: { bucket: 'carts', key }, reply, fail }));
}

function watch(ring: RingActor): RingChanged[] {
  const seen: RingChanged[] = [];
  ring.on('ring.changed', (change) => seen.push(change));
  return seen;
}

describe('the ring actor', () => {
  it('serves once the founding is complete', async () => {
    const ring = createRing({ onError });
    expect(ring.getSnapshot().value).toBe('unfounded');
    await expect(ask(ring, 'alice')).rejects.toThrow(RingUnfoundedError);
    ring.send({ type: 'history.recorded', records: records.slice(0, 3) });
    expect(ring.getSnapshot().value).toBe('unfounded');
    ring.send({ type: 'history.recorded', records });
    expect(ring.getSnapshot().value).toBe('serving');
    ring.stop();
  });

  it('serves from the start when it is given a founded history', () => {
    const ring = createRing({ initial: records, onError });
    expect(ring.getSnapshot().value).toBe('serving');
    expect(ringOf(ring)).toEqual(foldHistory(records));
    ring.stop();
  });

  it('announces every change once, with the ring before it', () => {
    const ring = createRing({ initial: records, onError });
    const seen = watch(ring);
    const before = ringOf(ring);
    ring.send({ type: 'history.recorded', records: [adding('e', 2, 'a'), ...records] });
    ring.send({ type: 'history.recorded', records: [adding('e', 2, 'a')] });
    ring.send({ type: 'history.recorded', records: [] });
    expect(seen).toHaveLength(1);
    expect(seen[0]!.previous).toBe(before);
    expect(seen[0]!.ring).toBe(ringOf(ring));
    expect(ringOf(ring).nodes).toHaveLength(5);
    ring.stop();
  });

  it('goes back to waiting when an earlier record shows that the founding was another', () => {
    const ring = createRing({ initial: records, onError });
    const [rival] = founding(['a', 'z']).map((record) => ({ ...record, lamport: 0 }));
    ring.send({ type: 'history.recorded', records: [rival!] });
    expect(ring.getSnapshot().value).toBe('unfounded');
    ring.stop();
  });

  it('answers lookups as the contract says', async () => {
    const ring = createRing({ initial: records, onError });
    const answer = ringLookup.reply.parse(await ask(ring, 'alice'));
    const partition = partitionOf('carts', 'alice', 256);
    const list = ringOf(ring).preferenceList(partition);
    expect(answer).toEqual({ partition, preferenceList: list, version: ringOf(ring).version });
    ring.stop();
  });

  it('reports a failure of its own to the owner', () => {
    const failures: unknown[] = [];
    const ring = createRing({ initial: records, onError: (error) => failures.push(error) });
    const reply = () => {
      throw new Error('the asker broke the rule');
    };
    ring.send({ type: 'lookup', body: { bucket: 'carts', key: 'alice' }, reply, fail: () => {} });
    expect(failures).toEqual([new Error('the asker broke the rule')]);
  });
});

describe('the wire contract', () => {
  it('takes keys of 1 to 1,024 bytes and buckets of 1 to 128', () => {
    const accepts = (bucket: string, key: string) => lookupRequestSchema.safeParse({ bucket, key }).success;
    expect([accepts('b', 'k'), accepts('é'.repeat(64), 'é'.repeat(512))]).toEqual([true, true]);
    const refused: [string, string][] = [
      ['', 'k'],
      ['b', ''],
      ['é'.repeat(65), 'k'],
      ['b', 'é'.repeat(513)],
    ];
    for (const [bucket, key] of refused) expect(accepts(bucket, key)).toBe(false);
  });

  it('refuses an answer that is none', () => {
    expect(
      lookupReplySchema.safeParse({ partition: -1, preferenceList: [], version: { size: 0, digest: 'x' } }).success,
    ).toBe(false);
  });

  it('accepts every record that the tests fold', () => {
    for (const record of [...records, adding('e', 2, 'a')])
      expect(membershipRecordSchema.parse(record)).toEqual(record);
  });

  it('is asked under the address of a node', () => {
    expect([ringAddress('n1'), ringLookup.verb]).toEqual(['node.n1.ring', 'lookup']);
  });
});

import { defineContract, memoryBus } from '@ringfort/bus';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  type Faults,
  type FaultyNetwork,
  faultyNetwork,
  seededRandom,
  type VirtualClock,
  virtualClock,
} from '../src/index.ts';

const note = defineContract({ verb: 'note', request: z.int(), reply: z.null() });
const ends = ['node.n1', 'node.n2', 'node.n3'];
const closing: (() => Promise<void>)[] = [];

interface World {
  readonly clock: VirtualClock;
  readonly faulty: FaultyNetwork;
  /** Sends `count` numbered notes, one a turn, and gives those that arrive, in order of arrival. */
  send(from: string, to: string, count: number): Promise<number[]>;
}

function world(seed: number, faults?: Faults): World {
  const clock = virtualClock();
  const random = seededRandom(seed);
  const faulty = faultyNetwork({ clock, random, ...(faults === undefined ? {} : { faults }) });
  const buses = new Map(
    ends.map((self) => [self, memoryBus({ network: faulty.network, cluster: 'test', self, random })] as const),
  );
  closing.push(async () => {
    await clock.advanceAsync(10_000);
    const closed = Promise.all([...buses.values()].map((bus) => bus.close()));
    await clock.advanceAsync(10_000);
    await closed;
  });
  const send = async (from: string, to: string, count: number): Promise<number[]> => {
    const arrived: number[] = [];
    const listening = buses.get(to)!.listen(`${to}.notes`, note, (body) => arrived.push(body));
    for (let index = 0; index < count; index += 1) {
      buses.get(from)!.publish(`${to}.notes`, note, index);
      await clock.advanceAsync(1);
    }
    await clock.advanceAsync(5_000);
    listening.unsubscribe();
    return arrived;
  };
  return { clock, faulty, send };
}

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('faultyNetwork', () => {
  it('passes everything in order while nothing is set', async () => {
    const { send, faulty } = world(1);
    expect(await send('node.n1', 'node.n2', 50)).toEqual(upTo(50));
    expect(faulty.counts).toMatchObject({ sent: 50, dropped: 0, cut: 0, duplicated: 0, reordered: 0 });
  });

  it('drops about as much as it is told, and repeats from the seed', async () => {
    const first = await world(7, { drop: 0.3 }).send('node.n1', 'node.n2', 400);
    expect(first.length).toBeGreaterThan(400 * 0.7 - 50);
    expect(first.length).toBeLessThan(400 * 0.7 + 50);
    expect(await world(7, { drop: 0.3 }).send('node.n1', 'node.n2', 400)).toEqual(first);
    expect(await world(8, { drop: 0.3 }).send('node.n1', 'node.n2', 400)).not.toEqual(first);
  });

  it('delays without reordering, unless told to reorder', async () => {
    expect(await world(3, { delayMs: [5, 90] }).send('node.n1', 'node.n2', 100)).toEqual(upTo(100));
    const { send, faulty } = world(3, { reorder: 0.5 });
    const arrived = await send('node.n1', 'node.n2', 100);
    expect(arrived).not.toEqual(upTo(100));
    expect([...arrived].sort((a, b) => a - b)).toEqual(upTo(100));
    expect(faulty.counts.reordered).toBeGreaterThan(20);
  });

  it('takes the time it is told to', async () => {
    const { clock, faulty } = world(4, { delayMs: [30, 30] });
    const times: number[] = [];
    const a = memoryBus({ network: faulty.network, cluster: 'test', self: 'client.a' });
    const b = memoryBus({ network: faulty.network, cluster: 'test', self: 'client.b' });
    closing.push(
      () => a.close(),
      () => b.close(),
    );
    b.listen('client.b.notes', note, () => times.push(clock.monotonicMs()));
    a.publish('client.b.notes', note, 1);
    await clock.advanceAsync(100);
    expect(times).toEqual([30]);
  });

  it('duplicates', async () => {
    const { send, faulty } = world(5, { duplicate: 1 });
    const arrived = await send('node.n1', 'node.n2', 20);
    expect([...arrived].sort((a, b) => a - b)).toEqual(upTo(20).flatMap((n) => [n, n]));
    expect(faulty.counts.duplicated).toBe(20);
  });

  it('cuts one way, two ways, and halves, and heals', async () => {
    const { send, faulty } = world(6);
    faulty.cutOneWay('node.n1', 'node.n2');
    expect(await send('node.n1', 'node.n2', 3)).toEqual([]);
    expect(await send('node.n2', 'node.n1', 3)).toEqual(upTo(3));
    faulty.mendOneWay('node.n1', 'node.n2');
    expect(await send('node.n1', 'node.n2', 3)).toEqual(upTo(3));
    faulty.split(['node.n1', 'node.n2'], ['node.n3']);
    expect(await send('node.n1', 'node.n2', 3)).toEqual(upTo(3));
    for (const [from, to] of [
      ['node.n1', 'node.n3'],
      ['node.n3', 'node.n2'],
    ] as const) {
      expect(await send(from, to, 3)).toEqual([]);
    }
    faulty.heal();
    expect(await send('node.n3', 'node.n2', 3)).toEqual(upTo(3));
    expect(faulty.counts.cut).toBe(9);
  });

  it('obeys the most specific setting', async () => {
    const { send, faulty } = world(9, { drop: 1 });
    faulty.setFaults({}, 'node.n1');
    faulty.setFaults({ drop: 1 }, 'node.n1', 'node.n3');
    expect(await send('node.n1', 'node.n2', 3)).toEqual(upTo(3));
    expect(await send('node.n1', 'node.n3', 3)).toEqual([]);
    expect(await send('node.n2', 'node.n1', 3)).toEqual([]);
  });

  it.each([
    { drop: 1.1 },
    { duplicate: -1 },
    { reorder: Number.NaN },
    { delayMs: [5, 1] },
    { reorderMs: 0 },
  ] as Faults[])('refuses %o', (faults) => {
    expect(() => world(1).faulty.setFaults(faults)).toThrow(expect.objectContaining({ code: 'FAULT_INVALID' }));
  });
});

import { setTimeout as sleep } from 'node:timers/promises';
import { bytes, connect } from '@ringfort/client';
import { Recorder } from '../recorder.ts';
import type { Latency } from '../stats-core.ts';
import { CLUSTER } from '../targets/ringfort-nodes.ts';

const KEYS = 1_000;
const VALUE = new Uint8Array(1_000).fill(7);
const TICK_MS = 1;

/** Gets and puts in turn at a steady rate, while something else goes on. */
export interface Foreground {
  /** Ends it. Latencies count from when each request was due. @throws what a request failed with */
  stop(): Promise<Latency>;
}

export async function startForeground(natsUrl: string, perSecond: number): Promise<Foreground> {
  const db = await connect({ servers: natsUrl, cluster: CLUSTER });
  const bucket = db.bucket('foreground', { codec: bytes });
  const recorder = new Recorder();
  const underWay = new Set<Promise<void>>();
  let failure: unknown;
  let isOver = false;
  const request = async (number: number, dueMs: number) => {
    const key = `key-${number % KEYS}`;
    const context = (await bucket.get(key)).context;
    if (number % 2 === 0) await bucket.put(key, VALUE, { context });
    recorder.record(performance.now() - dueMs);
  };
  const begin = (number: number, dueMs: number) => {
    const running = request(number, dueMs)
      .catch((error: unknown) => {
        failure ??= error;
      })
      .finally(() => underWay.delete(running));
    underWay.add(running);
  };
  const startMs = performance.now();
  const loop = (async () => {
    for (let begun = 0; !isOver; ) {
      for (let dueMs = startMs; dueMs <= performance.now(); begun += 1) {
        dueMs = startMs + (begun * 1_000) / perSecond;
        if (dueMs <= performance.now()) begin(begun, dueMs);
        else break;
      }
      await sleep(TICK_MS);
    }
  })();
  return {
    async stop() {
      isOver = true;
      await loop;
      await Promise.all(underWay);
      await db.close();
      if (failure !== undefined) throw failure;
      return recorder.latency();
    },
  };
}

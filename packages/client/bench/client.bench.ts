import type { Bus } from '@ringfort/bus';
import { foldHistory, type MembershipRecord } from '@ringfort/ring';
import { bench, describe } from 'vitest';
import { bytes, connect } from '../src/index.ts';

/**
 * What the client itself costs per request, over a bus that answers at once from memory: `npx vitest bench --run`. The column `mean` is
 * milliseconds per 64 requests under way together; divided by 64 it is what one costs.
 */

const founders = ['n1', 'n2', 'n3'];
const records: MembershipRecord[] = founders.map((node) => ({
  kind: 'node.founded',
  lamport: 1,
  author: node,
  node,
  store: node,
  weight: 1,
  zone: 'z',
  founders,
  partitions: 256,
}));
const value = new Uint8Array(1024);
const context = new Uint8Array(40);
const replies: Record<string, unknown> = {
  view: { version: foldHistory(records).version, records, peers: [] },
  get: { siblings: [{ value, contentType: 'application/octet-stream', dot: 'a:1' }], context },
  put: { context, siblings: 1 },
};
const instantBus = {
  self: 'client.bench',
  status: 'connected',
  onStatus: () => ({ unsubscribe: () => {} }),
  listen: () => ({ unsubscribe: () => {} }),
  call: (
    _to: string,
    { verb }: { verb: string },
    _body: unknown,
    _options: unknown,
    done: (e: undefined, r: unknown) => void,
  ) => queueMicrotask(() => done(undefined, replies[verb])),
} as unknown as Bus;

const db = await connect({ bus: instantBus });
const bucket = db.bucket('b', { codec: bytes });
const keys = Array.from({ length: 64 }, (_, i) => `user${i}`);

describe(`64 requests at once (${db.view().mode})`, () => {
  bench('get', async () => void (await Promise.all(keys.map((key) => bucket.get(key)))));
  bench('put', async () => void (await Promise.all(keys.map((key) => bucket.put(key, value, { context })))));
});

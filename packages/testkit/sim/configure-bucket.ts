import { isDeepStrictEqual } from 'node:util';
import { type BucketSettings, defaultBucketSettings } from '@ringfort/ring';
import type { VirtualClock } from '../src/index.ts';
import type { SimCluster } from './cluster.ts';
import type { BucketKind } from './plan-shape.ts';
import { until } from './settle.ts';
import { BUCKET } from './sim-client.ts';

const TTL_SECONDS = 1;
const KNOWN_MS = 30_000;

const bucketSettings: Readonly<Record<BucketKind, BucketSettings>> = {
  siblings: defaultBucketSettings,
  lww: { ...defaultBucketSettings, conflict: 'lww' },
  ttl: { ...defaultBucketSettings, ttlSeconds: TTL_SECONDS },
};

/** Has every node know the bucket of this kind; false when one does not in time. */
export async function configureBucket(clock: VirtualClock, { nodes }: SimCluster, kind: BucketKind): Promise<boolean> {
  if (kind === 'siblings') return true;
  const settings = bucketSettings[kind];
  const configured = nodes[0]!.life!.membership.configureBucket(BUCKET, settings);
  const isKnown = () => nodes.every(({ life }) => isDeepStrictEqual(life?.membership.ring.bucket(BUCKET), settings));
  const known = await until({ clock }, KNOWN_MS, isKnown);
  if (known) await configured;
  return known;
}

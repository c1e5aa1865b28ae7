import type { StartTarget, TargetName } from '../target.ts';
import { startEtcd } from './etcd.ts';
import { startJetstreamKv } from './jetstream-kv.ts';
import { startRingfort } from './ringfort.ts';

/** How each target is started. */
export const starters: Readonly<Record<TargetName, StartTarget>> = {
  ringfort: startRingfort,
  'jetstream-kv': startJetstreamKv,
  etcd: startEtcd,
};

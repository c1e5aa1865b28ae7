import type { Scenario } from '../harness/scenario.ts';
import { clusterKilledFsync, clusterKilledInterval } from './cluster-killed.ts';
import { corruptJournal, corruptValue } from './corrupt-value.ts';
import { diskFull } from './disk-full.ts';
import { growAndShrink } from './grow-and-shrink.ts';
import { hintFlood } from './hint-flood.ts';
import { hostileInput } from './hostile-input.ts';
import { rollback, wipedNode } from './lost-disks.ts';
import { natsServerKilled, natsServerKilledOwn } from './nats-server-killed.ts';
import { nodeKilled } from './node-killed.ts';
import { nodePaused } from './node-paused.ts';
import { overload, overloadCpu } from './overload.ts';
import { partitionHalves, partitionSilent } from './partition-halves.ts';
import { allPrimariesDown, twoReplicasDown } from './replicas-down.ts';
import { flappingRoute, partitionOneWay, slowLink } from './routes-in-trouble.ts';
import { siblingExplosion } from './sibling-explosion.ts';

/** All scenarios of `npm run faults`, in the order of its table. */
export const scenarios: readonly Scenario[] = [
  nodeKilled,
  nodePaused,
  twoReplicasDown,
  allPrimariesDown,
  clusterKilledFsync,
  clusterKilledInterval,
  natsServerKilled,
  natsServerKilledOwn,
  partitionHalves,
  partitionSilent,
  partitionOneWay,
  flappingRoute,
  slowLink,
  overload,
  overloadCpu,
  siblingExplosion,
  corruptValue,
  corruptJournal,
  diskFull,
  wipedNode,
  rollback,
  hintFlood,
  growAndShrink,
  hostileInput,
];

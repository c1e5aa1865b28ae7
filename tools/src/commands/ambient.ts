import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AmbientException, ambientProblems } from '../ambient-core.ts';
import { readFacts } from '../imports.ts';
import { type Outcome, outcomeOf } from '../outcome.ts';

/** Where the rule holds: what is simulated, and the simulator. */
const bound = /^packages\/(?:[^/]+\/src|testkit\/sim)\//;
const process = 'its business are real processes';
const turns = 'long work on real disks gives way to others';

/** Everything that may use the real world by itself. */
const exceptions: Readonly<Record<string, AmbientException>> = {
  'packages/bus/src/system-clock.ts': {
    names: [
      'node:crypto randomBytes',
      'node:crypto randomInt',
      'node:perf_hooks performance',
      'Date.now',
      'performance.now',
      'setTimeout',
      'setImmediate',
    ],
    why: 'the clock and the randomness that all others are handed',
  },
  'packages/nats-server/src/cluster.ts': {
    names: ['node:timers/promises setTimeout', 'AbortSignal.timeout'],
    why: process,
  },
  'packages/nats-server/src/free-ports.ts': { names: ['node:crypto randomInt'], why: process },
  'packages/nats-server/src/owned-process.ts': { names: ['node:timers/promises setTimeout'], why: process },
  'packages/nats-server/src/server.ts': {
    names: ['node:timers/promises setTimeout', 'AbortSignal.timeout'],
    why: process,
  },
  'packages/storage/src/layered-table.ts': { names: ['node:timers/promises setImmediate'], why: turns },
  'packages/storage/src/lmdb-base.ts': { names: ['node:timers/promises setImmediate', 'setImmediate'], why: turns },
  'packages/storage/src/lmdb-store.ts': { names: ['setImmediate'], why: turns },
  'packages/testkit/src/test-cluster.ts': {
    names: ['node:timers/promises setTimeout', 'performance.now'],
    why: process,
  },
  'packages/testkit/src/test-node.ts': {
    names: ['node:timers/promises setTimeout', 'AbortSignal.timeout'],
    why: process,
  },
  'packages/testkit/src/virtual-clock.ts': { names: ['setImmediate'], why: 'virtual time passes in real turns' },
  'packages/testkit/sim/main.ts': {
    names: ['Math.random', 'performance.now'],
    why: 'draws seeds, tells how long runs took',
  },
  'packages/testkit/sim/trap.ts': {
    names: ['node:timers', 'node:timers/promises', 'process.hrtime'],
    why: 'replaces what it watches',
  },
};

/** Checks that what is simulated takes its clock, timers and randomness from outside: one check. */
export function checkAmbient(root: string): Outcome {
  const files = readFacts(root)
    .flatMap((each) => each.files.map(({ file }) => file))
    .filter((file) => bound.test(file));
  const texts = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
  const told = `${files.length} files, ${Object.keys(exceptions).length} of which may use real time`;
  return outcomeOf(ambientProblems(texts, exceptions), told);
}

/** A realistic bug, planted into one compiled source by replacing a text, and the scenario in which it is looked for. */
export interface Mutant {
  readonly name: string;
  /** Of the compiled sources: `packages/coordinator/src/quorum-core.js`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  readonly scenario: string;
}

const at = (file: string, find: string, replace: string) => ({ file: `packages/${file}.js`, find, replace });

const actors = 'return number !== undefined && number < run.nextNumber && number >= (run.tainted.get(keyId) ?? 0);';

/** The simulator is worth as much as it finds of these. */
export const mutants: readonly Mutant[] = [
  {
    name: 'one acknowledgement less than W is enough',
    scenario: 'disks',
    ...at(
      'coordinator/src/quorum-core',
      'tally.answers >= tally.required &&',
      'tally.answers >= tally.required - 1 &&',
    ),
  },
  {
    name: 'an actor of a former run is used again',
    scenario: 'disks',
    ...at('versioning/src/run-core', actors, 'return true;'),
  },
  {
    name: 'a replica acknowledges before it has flushed',
    scenario: 'disks',
    ...at('storage/src/answers', 'if (durable || !write.waits)', 'if (true) write.answer(true); else if (durable)'),
  },
  {
    name: 'a hint is deleted without having been sent',
    scenario: 'default',
    ...at('coordinator/src/handoff', 'await fx.bus.request(', 'if (false) await fx.bus.request('),
  },
  {
    name: 'handoff never starts',
    scenario: 'crashes',
    ...at('coordinator/src/handoff', 'if (count > 0 && !actors.has(target))', 'if (false)'),
  },
  {
    name: 'a delivered hint is dropped for its other targets too',
    scenario: 'crashes',
    ...at('storage/src/write-core', 'owed.size === 0 ? undefined :', 'true ? undefined :'),
  },
  {
    name: 'a hint that changed since it was sent counts as delivered',
    scenario: 'crashes',
    ...at('storage/src/write-core', '.digest !== digest)', '.digest === undefined)'),
  },
  {
    name: 'the coordinator keeps no hint for a primary that failed',
    scenario: 'network',
    ...at('coordinator/src/put-runner', 'if (standIn !== undefined)', 'if (true) continue; if (standIn !== undefined)'),
  },
  {
    name: 'a blind put overwrites what is there',
    scenario: 'calm',
    ...at('versioning/src/object-core', 'if (!covers(seen, sibling.dot))', 'if (false)'),
  },
  {
    name: 'the context of a put covers what its writer had not seen',
    scenario: 'calm',
    ...at('coordinator/src/write-path', 'contextAfterPut(context, dot, written.stamp)', 'object.clock'),
  },
  {
    name: 'a store takes what comes in for the newest',
    scenario: 'network',
    ...at('storage/src/merge-core', 'const merged = mergeObjects(held.object, object);', 'const merged = object;'),
  },
  {
    name: 'a merge drops what only the second replica has',
    scenario: 'network',
    ...at(
      'versioning/src/object-core',
      '!covers(order < 0 ? b.clock : a.clock,',
      '!covers(order < 0 ? b.clock : b.clock,',
    ),
  },
  {
    name: 'puts of a key that are under way do not see each other',
    scenario: 'hot',
    ...at('coordinator/src/write-path', 'const pending = inFlight.get(key);', 'const pending = undefined;'),
  },
  {
    name: 'a write that may be applied is told as not applied',
    scenario: 'default',
    ...at('coordinator/src/put-runner', "task.mayHaveApplied || awaited ? 'indeterminate'", "false ? 'indeterminate'"),
  },
  {
    name: 'a message waits half a second too long',
    scenario: 'network',
    ...at('bus/src/mux', 'this.#wheel.set(pending, deadlineMs);', 'this.#wheel.set(pending, deadlineMs + 500);'),
  },
  {
    name: 'the limit of requests in flight is not heeded',
    scenario: 'hot',
    ...at('coordinator/src/coordinator', 'counters.inFlight >= limits.maxInFlight ||', 'false ||'),
  },
  {
    name: 'the limit of hints is not heeded',
    scenario: 'crashes',
    ...at('storage/src/write-core', 'if (grown > maxBytesPerTarget &&', 'if (false &&'),
  },
  {
    name: 'reads repair nothing',
    scenario: 'crashes',
    ...at(
      'coordinator/src/get-runner',
      'repairStale: ({ context }) => repair(context.task)',
      'repairStale: () => undefined',
    ),
  },
  {
    name: 'strict reads take the answers of stand-ins',
    scenario: 'crashes',
    ...at('coordinator/src/get-runner', 'args.sloppy, fx.isUp', 'true, fx.isUp'),
  },
  {
    name: 'the coordinator reads the real clock',
    scenario: 'calm',
    ...at('coordinator/src/write-path', 'const nowMs = fx.clock.now();', 'const nowMs = Date.now();'),
  },
];

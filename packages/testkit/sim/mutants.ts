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
    name: 'one acknowledgement less than W is enough (off by one)',
    scenario: 'disks',
    ...at(
      'coordinator/src/quorum-core',
      'tally.answers >= tally.required &&',
      'tally.answers >= tally.required - 1 &&',
    ),
  },
  {
    name: 'the old actor is kept after amnesia: one of a former run is used again',
    scenario: 'disks',
    ...at('versioning/src/run-core', actors, 'return true;'),
  },
  {
    name: 'a replica acknowledges before it has flushed',
    scenario: 'power',
    ...at('storage/src/answers', 'if (durable || !write.waits)', 'if (true) write.answer(true); else if (durable)'),
  },
  {
    name: 'a hint is deleted without having been sent',
    scenario: 'handoff',
    ...at('coordinator/src/deliver-hint', 'recipientsOf(fx, target, id).map(', '[].map('),
  },
  {
    name: 'handoff never starts',
    scenario: 'crashes',
    ...at('coordinator/src/handoff', 'if (count > 0 && !actors.has(target))', 'if (false)'),
  },
  {
    name: 'a delivered hint is dropped for its other targets too',
    scenario: 'two-targets',
    ...at('storage/src/write-core', 'owed.delete(target);', 'owed.clear();'),
  },
  {
    name: 'a hint that changed since it was sent counts as delivered',
    scenario: 'detour',
    ...at('storage/src/write-core', '.digest !== digest)', '.digest === undefined)'),
  },
  {
    name: 'the coordinator keeps no hint for a primary that failed',
    scenario: 'handoff',
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
    ...at('coordinator/src/put-outcome', "mayHaveApplied || isAwaited ? 'indeterminate'", "false ? 'indeterminate'"),
  },
  {
    name: 'a message waits half a second too long',
    scenario: 'network',
    ...at('bus/src/mux', 'this.#wheel.set(pending, deadlineMs);', 'this.#wheel.set(pending, deadlineMs + 500);'),
  },
  {
    name: 'the limit of requests in flight is not heeded',
    scenario: 'hot',
    ...at('coordinator/src/admission', 'return inFlight >= this.#limit;', 'return false;'),
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
    scenario: 'strict',
    ...at(
      'coordinator/src/get-runner',
      'planPlaces(list, n, sloppy, fx.isUp, r,',
      'planPlaces(list, n, true, fx.isUp, r,',
    ),
  },
  {
    name: 'the coordinator reads the real clock',
    scenario: 'calm',
    ...at('coordinator/src/write-path', 'const nowMs = fx.clock.now();', 'const nowMs = Date.now();'),
  },
  {
    name: 'a counter is used again: the numbers of a run start anew after a clean restart',
    scenario: 'restarts',
    ...at('versioning/src/versioner', 'newRun(takenOver.runId, takenOver.nextNumber)', 'newRun(takenOver.runId, 0)'),
  },
  {
    name: 'a replica acknowledges before it has committed',
    scenario: 'power',
    ...at(
      'storage/src/serve-storage',
      'writeReplica(store, request, inbound, (error, result) => {',
      'done(undefined, { durable: true }); done = () => undefined; writeReplica(store, request, inbound, (error, result) => {',
    ),
  },
  {
    name: 'a hint is deleted before its acknowledgement',
    scenario: 'lossy',
    ...at(
      'coordinator/src/deliver-hint',
      'const options = { timeoutMs, barrier: fx.store.label(id.partition) };',
      'await fx.store.hintDelivered(id, target, digest); const options = { timeoutMs, barrier: fx.store.label(id.partition) };',
    ),
  },
  {
    name: 'one hint is forgotten: the coordinator keeps none when nobody is left to stand in',
    scenario: 'handoff',
    ...at('coordinator/src/put-runner', 'keepHintHere(task, primary);', ';'),
  },
  {
    name: 'a malformed context is treated as empty',
    scenario: 'calm',
    ...at(
      'coordinator/src/requests',
      'decodeContext(request.context)',
      '(() => { try { return decodeContext(request.context); } catch { return undefined; } })()',
    ),
  },
  {
    name: 'reads answer, and repair with, a stale sibling',
    scenario: 'handoff',
    ...at(
      'coordinator/src/get-runner',
      'mergeObjects(task.merged, object)',
      '{ ...mergeObjects(task.merged, object), siblings: task.merged.siblings }',
    ),
  },
  {
    name: 'stand-ins count in strict writes',
    scenario: 'strict',
    ...at(
      'coordinator/src/placement-core',
      'place(node, primary, plan.sloppy && counts)',
      'place(node, primary, true)',
    ),
  },
  {
    name: 'a write that arrives twice is written twice',
    scenario: 'twice',
    ...at('coordinator/src/dedupe', 'if (session === undefined || seq === undefined) {', 'if (true) {'),
  },
  {
    name: 'a delete covers nothing of what its writer had seen',
    scenario: 'calm',
    ...at('coordinator/src/delete-machine', 'writeTombstone(context.covers)', 'writeTombstone(undefined)'),
  },
  {
    name: 'of two concurrent writes the earlier wins where the last one should',
    scenario: 'lww',
    ...at('versioning/src/object-core', '(compareStamps(b.stamp, a.stamp) ||', '(compareStamps(a.stamp, b.stamp) ||'),
  },
  {
    name: 'expired values are shown',
    scenario: 'ttl',
    ...at('versioning/src/object-core', 'one.expiresAtMs > nowMs', 'true'),
  },
  {
    name: 'a peer that was down once stays down',
    scenario: 'network',
    ...at(
      'membership/src/detector-core',
      "(evidence.kind === 'answered')",
      "(evidence.kind === 'answered' && suspicion !== 'down')",
    ),
  },
  {
    name: 'exchanges send no merged object back: the other side keeps what it had',
    scenario: 'unread',
    ...at('anti-entropy/src/serve-exchange', 'written?.merged === undefined', 'true'),
  },
  {
    name: 'the root of a partition is remembered for ever',
    scenario: 'unread',
    ...at('storage/src/leaves', 'return { high: this.#rootHigh,', 'return this.known ??= { high: this.#rootHigh,'),
  },
  {
    name: 'an exchange takes a record that is there at all for equal',
    scenario: 'unread',
    ...at('anti-entropy/src/diff-core', 'mine.digest !== their.digest', 'mine.digest === undefined'),
  },
  {
    name: 'an exchange fetches nothing',
    scenario: 'unread',
    ...at('anti-entropy/src/exchange-steps', 'page: { toSend, toFetch,', 'page: { toSend, toFetch: [],'),
  },
  {
    name: 'a write leaves the leaf of its record as it was',
    scenario: 'unread',
    ...at(
      'storage/src/stage',
      'leaves.of(partition).xor(leaf, change);',
      'if (leaf % 2 === 0) leaves.of(partition).xor(leaf, change);',
    ),
  },
  {
    name: 'a node that is being filled answers that it has nothing',
    scenario: 'refill',
    ...at('storage/src/serve-storage', 'if (!store.isFilled(partition))', 'if (false)'),
  },
  {
    name: 'a scrub passes over what it cannot read',
    scenario: 'rot',
    ...at('anti-entropy/src/scrub-walk', 'record === undefined ? [id] : []', 'record === undefined ? [] : []'),
  },
  {
    name: 'a partition counts as filled once one other owner has given its part',
    scenario: 'refill',
    ...at(
      'anti-entropy/src/rounds-core',
      'pair.isMerged = true;',
      'for (const one of this.#peers.values()) if (one.pairs.has(partition)) one.pairs.get(partition).isMerged = true;',
    ),
  },
  {
    name: 'the limit of siblings is not heeded',
    scenario: 'siblings',
    ...at('coordinator/src/write-path', 'object.siblings.length > maxSiblings', 'false'),
  },
  {
    name: 'tombstones are collected by their age alone: nobody proves that he holds them',
    scenario: 'collections',
    ...at(
      'anti-entropy/src/collect-core',
      '.every((node) => held.get(node)?.has(index) === true)',
      '.every(() => true)',
    ),
  },
  {
    name: 'a collection leaves a member out',
    scenario: 'late-frames',
    ...at(
      'anti-entropy/src/collect-round',
      'return this.#ring.nodes.map(({ id }) => id);',
      'return this.#ring.nodes.map(({ id }) => id).slice(1);',
    ),
  },
  {
    name: 'a raised barrier is not durable',
    scenario: 'collections',
    ...at('storage/src/barriers', 'row.writeUInt32LE(floor, 0);', 'row.writeUInt32LE(0, 0);'),
  },
  {
    name: 'what was sent before a barrier is taken',
    scenario: 'collections',
    ...at('storage/src/barriers', 'if (sent < floor)', 'if (false)'),
  },
  {
    name: 'a collection drops what has changed since its proof',
    scenario: 'collections',
    ...at('storage/src/write-core', 'held?.digest !== digest)', 'held === undefined)'),
  },
  {
    name: 'a barrier is adopted over older stand-in records',
    scenario: 'late-frames',
    ...at('storage/src/barriers', 'if (this.of(partition).label < label &&', 'if (false &&'),
  },
  {
    name: 'a slot is handed over before the next owner holds everything',
    scenario: 'moving',
    ...at(
      'anti-entropy/src/hand-over-giving',
      'const replies = await',
      'if (takers.length > 0) return true; const replies = await',
    ),
  },
  {
    name: 'what is acknowledged while a slot moves is not forwarded',
    scenario: 'moving',
    ...at('anti-entropy/src/hand-over-giving', 'return this.#isMissed ||', 'return true ||'),
  },
  {
    name: 'a slot is handed over although a write was not forwarded',
    scenario: 'moving',
    ...at('anti-entropy/src/hand-over-giving', 'if (this.#isConcluding)', 'return true; if (this.#isConcluding)'),
  },
  {
    name: 'a node serves a slot that it has handed over',
    scenario: 'moving',
    ...at('storage/src/owner-gate', 'view.slotVersion(partition) === slots && view.isOwner(partition)', 'true'),
  },
  {
    name: 'records of other partitions are forgotten unseen',
    scenario: 'moving',
    ...at(
      'anti-entropy/src/hand-over-core',
      'return { partition, move: undefined, takers };',
      'return { partition, move: undefined, takers: [] };',
    ),
  },
];

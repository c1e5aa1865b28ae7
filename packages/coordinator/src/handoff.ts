import type { Random } from '@ringfort/bus';
import type { Hint } from '@ringfort/storage';
import { type Actor, createActor, fromPromise } from 'xstate';
import { deliverHint } from './deliver-hint.ts';
import type { Effects } from './effects.ts';
import type { GetRunner } from './get-runner.ts';
import { handoffMachine, type PageDelivered } from './handoff-machine.ts';

const SCAN_MS = 1000;
const PAGE_ITEMS = 128;
const PAGE_BYTES = 512 * 1024;

/** Keeps one handoff actor for each node that is owed hints: at start, whenever a scan finds some, and told when a node comes up. */
export function createHandoff(fx: Effects, random: Random, repair: GetRunner['repair']): { close(): void } {
  const actors = new Map<string, Actor<typeof handoffMachine>>();
  let closed = false;

  const machine = handoffMachine.provide({
    actors: {
      deliverPage: fromPromise<PageDelivered, { target: string; cursor: Uint8Array | undefined }>(({ input }) =>
        deliverPage(fx, repair, input.target, input.cursor),
      ),
    },
    guards: { targetIsUp: ({ context }) => fx.isUp(context.target) },
    actions: {
      reportFailure: ({ context }, { error }) => fx.onFault(error as Error, `handoff to ${context.target}`),
    },
    delays: { pace: ({ context }) => Math.ceil((context.lastBytes * 1000) / fx.limits.handoffBytesPerSecond) },
  });

  const begin = (target: string) => {
    const actor = createActor(machine, {
      input: { target },
      clock: fx.clock,
    });
    actors.set(target, actor);
    const failed = (error: unknown) => {
      actors.delete(target);
      fx.onFault(error as Error, 'handoff machine');
    };
    actor.subscribe({ complete: () => actors.delete(target), error: failed });
    actor.start();
  };

  const scan = () => {
    if (closed) return;
    for (const { target, count } of fx.store.hintStats()) if (count > 0 && !actors.has(target)) begin(target);
    fx.wheel.after(SCAN_MS + random.below(SCAN_MS / 4), scan);
  };

  const subscription = fx.membership.on((event) => {
    if (event.type === 'node.up') actors.get(event.node)?.send({ type: 'target.up' });
  });
  scan();

  return {
    close() {
      closed = true;
      subscription.unsubscribe();
      for (const actor of actors.values()) actor.stop();
      actors.clear();
    },
  };
}

/** Sends one page, at most `handoffWindow` hints at a time, in order; deletes each after its acknowledgement. Rejects at the first failure. */
async function deliverPage(
  fx: Effects,
  repair: GetRunner['repair'],
  target: string,
  cursor: Uint8Array | undefined,
): Promise<PageDelivered> {
  const { items, next } = fx.store.hints(target, cursor, { maxItems: PAGE_ITEMS, maxBytes: PAGE_BYTES });
  let index = 0;
  let bytes = 0;
  const worker = async () => {
    while (index < items.length) {
      const hint = items[index++]!;
      await deliver(fx, repair, target, hint);
      bytes += hint.bytes?.byteLength ?? 0;
    }
  };
  const workers = Array.from({ length: Math.min(fx.limits.handoffWindow, items.length) }, worker);
  const outcomes = await Promise.allSettled(workers);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return { delivered: items.length, bytes, next };
}

async function deliver(fx: Effects, repair: GetRunner['repair'], target: string, hint: Hint): Promise<void> {
  const { id, bytes, digest } = hint;
  if (bytes === undefined) {
    // A corrupt hint: the target gets what the other replicas hold. Until all of them were heard, it stays owed.
    const whole = await new Promise<boolean>((resolve) => repair(id, resolve));
    if (whole) await fx.store.hintDelivered(id, target, digest);
    return;
  }
  await deliverHint(fx, target, { ...hint, bytes });
  fx.counters.hintsDelivered += 1;
}

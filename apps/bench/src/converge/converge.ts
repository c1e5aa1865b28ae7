import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNatsServer } from '@ringfort/nats-server';
import type { Progress } from '../progress.ts';
import { Cleanup } from '../target.ts';
import { dataDirOf, startNodes } from '../targets/ringfort-nodes.ts';
import { type Convergence, measure } from './measure.ts';
import type { ConvergeOptions } from './options.ts';
import { assertEqual, fill } from './stores.ts';

const NODES = [0, 1, 2];
/** The replica that lacks what the others have. */
const BEHIND = 2;

/** One size and share. */
export interface ConvergeRow extends Convergence {
  readonly keys: number;
  readonly divergingPercent: number;
  readonly diverging: number;
  /** Of the objects that one replica lacked. */
  readonly divergingBytes: number;
}

interface ConvergeContext {
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * For each number of keys: three nodes hold the same, each key on all three; then one of them misses a share of the writes, and anti-entropy
 * makes them equal. The stores are filled while no node runs, so that nothing but anti-entropy can do it. Ends every process and removes
 * every file, whatever happens.
 * @throws `BENCH_NOT_CONVERGED`, `BENCH_NOT_EQUAL`: there is then no result
 */
export async function converge(options: ConvergeOptions, context: ConvergeContext): Promise<ConvergeRow[]> {
  const cleanup = new Cleanup();
  const rows: ConvergeRow[] = [];
  try {
    for (const keys of options.keys) rows.push(...(await convergeOf(keys, options, context, cleanup)));
    return rows;
  } finally {
    context.progress.end();
    await cleanup.run();
  }
}

async function convergeOf(
  keys: number,
  options: ConvergeOptions,
  { progress, signal }: ConvergeContext,
  cleanup: Cleanup,
): Promise<ConvergeRow[]> {
  const { valueBytes, rate, timeout: timeoutSeconds } = options;
  const dir = await mkdtemp(join(options.dir ?? tmpdir(), 'ringfort-converge-'));
  const remove = () => rm(dir, { recursive: true, force: true });
  cleanup.add(remove);
  const nats = await startNatsServer({ monitoring: true });
  cleanup.add(() => nats.stop());
  const stores = NODES.map((index) => dataDirOf(dir, index));
  const write = async (to: readonly string[], numbers: () => Iterable<number>, version: number) => {
    let bytes = 0;
    const onWritten = (count: number) => progress.step(count);
    for (const store of to) bytes = await fill(store, { keys: numbers(), version, valueBytes, onWritten, signal });
    return bytes;
  };
  const founding = await startNodes({ nodes: NODES.length, dir, natsUrl: nats.url, flags: [] });
  await founding.stop();
  progress.stage(`filling three stores with ${keys} keys`, NODES.length * keys);
  await write(stores, () => every(1, keys), 1);
  const rows: ConvergeRow[] = [];
  for (const [index, divergingPercent] of options.diverging.entries()) {
    const diverging = Math.round((keys * divergingPercent) / 100);
    const numbers = () => every(diverging === 0 ? keys : Math.floor(keys / diverging), keys, diverging);
    progress.stage(`${keys} keys, ${divergingPercent}% of them behind on one node`, (NODES.length - 1) * diverging);
    const ahead = stores.filter((_, store) => store !== BEHIND);
    const divergingBytes = await write(ahead, numbers, index + 2);
    const convergence = await measure({ dir, nats, rate, timeoutSeconds, signal });
    await assertEqual(stores);
    rows.push({ keys, divergingPercent, diverging, divergingBytes, ...convergence });
  }
  await nats.stop();
  await remove();
  return rows;
}

/** Every `step`-th number below `end`, at most `count` of them. */
function* every(step: number, end: number, count = end): Generator<number> {
  for (let index = 0; index < count && index * step < end; index += 1) yield index * step;
}

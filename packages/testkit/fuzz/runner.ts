import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type SeededRandom, seededRandom } from '../src/index.ts';
import type { Edge, Input, Problem } from './edge.ts';

const MAX_SLICES = 16;
const MIN_SLICES = 8;
const SLICE_INPUTS = 500;
/** Of the slices, the part that is not judged: code is compiled, caches fill. */
const WARM_UP = 0.25;
const MAX_PROBLEMS = 5;
const HEX_BYTES = 4_096;

export interface EdgeReport {
  readonly edge: string;
  readonly inputs: number;
  readonly seconds: number;
  /** How the inputs ended, by how often. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly problems: readonly string[];
  /** Memory after a collection, in MB: the medians of the judged slices' first and second half. */
  readonly firstHalfMb: number;
  readonly secondHalfMb: number;
}

export interface FuzzOptions {
  readonly seed: number;
  readonly count: number;
  /** The first index; 0 by default. */
  readonly from?: number;
  /** Whether to collect garbage and weigh what is left, again and again; true by default. */
  readonly weighed?: boolean;
}

/** The input that the seed has at an edge under this index, whatever was made before it. */
export function inputOf(edge: Edge, seed: number, index: number): Input {
  return edge.make(randomOf(edge, seed, index));
}

function randomOf(edge: Edge, seed: number, index: number): SeededRandom {
  let mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35);
  for (const letter of edge.name) mixed = Math.imul(mixed ^ letter.charCodeAt(0), 0x01000193);
  return seededRandom(mixed ^ (mixed >>> 15));
}

/** Feeds inputs `from` .. `from + count - 1` of the seed to the edge, and weighs the memory meanwhile. */
export async function runEdge(edge: Edge, options: FuzzOptions): Promise<EdgeReport> {
  const { seed, count, from = 0, weighed = true } = options;
  const outcomes = new Map<string, number>();
  const problems: string[] = [];
  const note = ({ index, what }: Problem) => {
    if (problems.length < MAX_PROBLEMS)
      problems.push(index === undefined ? what : `${replayOf(edge, seed, index)}\n  ${what}`);
  };
  const weights: number[] = [];
  const beginMs = performance.now();
  const slices = Math.min(MAX_SLICES, Math.max(MIN_SLICES, Math.floor(count / SLICE_INPUTS)));
  for (let slice = 0; slice < slices && problems.length < MAX_PROBLEMS; slice += 1) {
    const [begin, end] = [slice, slice + 1].map((part) => from + Math.floor((count * part) / slices));
    await feedAll(edge, seed, begin!, end!, outcomes, note);
    for (const problem of (await edge.settle?.()) ?? []) note(problem);
    if (weighed) weights.push(await heldMb());
  }
  const [firstHalfMb, secondHalfMb] = halves(weights);
  return {
    edge: edge.name,
    inputs: count,
    seconds: (performance.now() - beginMs) / 1000,
    outcomes,
    problems,
    firstHalfMb,
    secondHalfMb,
  };
}

async function feedAll(
  edge: Edge,
  seed: number,
  begin: number,
  end: number,
  outcomes: Map<string, number>,
  note: (problem: Problem) => void,
): Promise<void> {
  const count = (outcome: string) => void outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  let index = begin;
  const worker = async () => {
    while (index < end) {
      const current = index;
      index += 1;
      try {
        const outcome = edge.feed(inputOf(edge, seed, current), current);
        count(typeof outcome === 'string' ? outcome : await outcome);
      } catch (error) {
        note({ index: current, what: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: edge.width ?? 1 }, worker));
}

function replayOf(edge: Edge, seed: number, index: number): string {
  const { to, parts } = inputOf(edge, seed, index);
  const hex = parts
    .map((part) => part.toString('hex', 0, HEX_BYTES) + (part.length > HEX_BYTES ? '...' : ''))
    .join(' | ');
  return `npm run fuzz -- --seed ${seed} --edge '${edge.name}' --index ${index}\n  to ${JSON.stringify(to)}: ${hex}`;
}

let collect: (() => void) | undefined;

/** What the process holds once everything that can go has gone. */
async function heldMb(): Promise<number> {
  if (collect === undefined) {
    setFlagsFromString('--expose_gc');
    collect = runInNewContext('gc') as () => void;
  }
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1e6;
}

/** The medians of the first and the second half of what was weighed, the warm-up left out. */
export function halves(weights: readonly number[]): readonly [number, number] {
  const judged = weights.slice(Math.ceil(weights.length * WARM_UP));
  const half = judged.length >> 1;
  return [median(judged.slice(0, half)), median(judged.slice(half))];
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

import { z } from 'zod';
import { InvalidOptionError } from './errors.ts';
import { targetNames } from './target.ts';
import { MIN_VALUE_BYTES } from './value-core.ts';
import { workloadNames } from './workload-core.ts';
import { MAX_KEYS } from './zipfian-core.ts';

/** `a,b` -> `['a', 'b']`, each once. */
const list = <T extends string>(names: readonly [T, ...T[]]) =>
  z
    .string()
    .transform((text) => [...new Set(text.split(',').map((name) => name.trim()))])
    .pipe(z.array(z.enum(names)).min(1));

const whole = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

/** The options of one run, as they come from the command line. */
export const runOptionsSchema = z.object({
  target: list(targetNames),
  workload: list(workloadNames),
  clients: whole(1, 8_192).default(64),
  /** Operations per second; given, the loop is open. */
  rate: whole(1, 1_000_000).optional(),
  seconds: z.coerce.number().min(0.1).max(3_600).default(5),
  rounds: whole(1, 100).default(3),
  warmup: z.coerce.number().min(0).max(600).default(3),
  records: whole(1, MAX_KEYS).default(10_000),
  valueBytes: whole(MIN_VALUE_BYTES, 512 * 1024).default(1_000),
  nodes: whole(3, 16).default(3),
  durability: z.enum(['fsync', 'interval']).default('fsync'),
  /** Replicas that must have a put on disk before it is answered. */
  dw: whole(0, 2).optional(),
  distribution: z.enum(['zipfian', 'uniform', 'latest']).optional(),
  seed: whole(-(2 ** 31), 2 ** 31 - 1).default(1),
  dir: z.string().min(1).optional(),
  cpuProf: z.string().min(1).optional(),
  json: z.boolean().default(false),
});
export type RunOptions = z.infer<typeof runOptionsSchema>;

/** @throws `BENCH_OPTION_INVALID`, naming the flag */
export function parseRunOptions(input: unknown): RunOptions {
  const parsed = runOptionsSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const flag = String(issue.path[0] ?? '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new InvalidOptionError(`--${flag}: ${issue.message}`, { flag });
}

import { z } from 'zod';
import { InvalidOptionError } from '../errors.ts';

const numbers = (each: z.ZodNumber) =>
  z
    .string()
    .transform((text) => text.split(',').map(Number))
    .pipe(z.array(each).min(1).max(16));

/** The options of `bench converge`, as they come from the command line. */
export const convergeOptionsSchema = z.object({
  keys: numbers(z.int().min(100).max(10_000_000)).default([1_000, 10_000, 100_000, 1_000_000]),
  /** Percent of the keys of which one replica lacks the last write. */
  diverging: numbers(z.number().min(0).max(100)).default([0, 0.1, 1, 10]),
  valueBytes: z.coerce.number().int().min(1).max(65_536).default(200),
  /** Gets and puts per second meanwhile; 0: none, and the bytes on the wire are told. */
  rate: z.coerce.number().int().min(0).max(10_000).default(0),
  /** Seconds that one exchange may take. */
  timeout: z.coerce.number().min(1).max(3_600).default(300),
  dir: z.string().min(1).optional(),
  json: z.boolean().default(false),
});
export type ConvergeOptions = z.infer<typeof convergeOptionsSchema>;

/** @throws `BENCH_OPTION_INVALID`, naming the flag */
export function parseConvergeOptions(input: unknown): ConvergeOptions {
  const parsed = convergeOptionsSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const flag = String(issue.path[0] ?? '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new InvalidOptionError(`--${flag}: ${issue.message}`, { flag });
}

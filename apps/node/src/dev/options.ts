import { resolve } from 'node:path';
import { z } from 'zod';
import { CommandError, exitCode } from '../cli/exit.ts';
import { logLevelSchema, nodeConfigSchema } from '../config.ts';

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,6}$/, `give a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((number) => number >= min && number <= max, `give a whole number from ${min} to ${max}`);

const devOptionsSchema = z
  .object({
    nodes: wholeNumber(1, 64),
    httpPort: wholeNumber(1, 65_535),
    data: z
      .string()
      .min(1, 'give a directory')
      .transform((path) => resolve(path)),
    nats: z
      .string()
      .transform((text) => text.split(',').map((url) => url.trim()))
      .optional(),
    embedded: z.boolean().default(false),
    durability: z.enum(['fsync', 'interval'], 'give fsync or interval'),
    logLevel: logLevelSchema,
  })
  .refine(({ nats, embedded }) => nats === undefined || !embedded, {
    path: ['embedded'],
    message: 'give --nats or --embedded, not both',
  })
  .refine(({ nodes, httpPort }) => httpPort + nodes - 1 <= 65_535, {
    path: ['httpPort'],
    message: 'leaves no ports for all nodes: give a lower one',
  });
export type DevOptions = z.infer<typeof devOptionsSchema>;

/** @throws CommandError naming the option */
export function parseDevOptions(given: unknown): DevOptions {
  const checked = devOptionsSchema.safeParse(given);
  if (checked.success) return checked.data;
  const { path, message } = checked.error.issues[0]!;
  const flag = `--${String(path[0]).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  throw new CommandError('USAGE', `${flag}: ${message}`, { exitCode: exitCode.usage });
}

/** The complete configuration of one node: `ringfort node --config` needs nothing else. */
export function nodeConfigOf(options: DevOptions, index: number, nats: readonly string[] | 'embedded') {
  const ids = Array.from({ length: options.nodes }, (_, at) => `n${at + 1}`);
  const id = ids[index]!;
  return nodeConfigSchema.parse({
    id,
    nats,
    seeds: ids,
    data: resolve(options.data, 'nodes', id, 'data'),
    http: `127.0.0.1:${options.httpPort + index}`,
    durability: options.durability,
    logLevel: options.logLevel,
  });
}

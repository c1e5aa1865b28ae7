import type { Command } from 'commander';
import { endpointOptions } from './endpoint.ts';
import type { CommandIo } from './io.ts';

/** `ringfort inspect` and `ringfort repair`. */
export function addOperator(program: Command, io: CommandIo, end: (code: number) => void): void {
  const add = (usage: string, about: string) =>
    endpointOptions(program.command(usage), io)
      .description(about)
      .option('--timeout-ms <ms>', 'how long nodes that do not answer are waited for');

  add('inspect <bucket/key> [key]', 'Show where a key lies and what every node holds of it. Nothing is changed.')
    .addHelpText(
      'after',
      `
Values are not shown: of each its size, its content type, and a hash.

Examples:
  ringfort inspect carts/ada
  ringfort inspect carts ada                 the same; for buckets with a slash in their names
  ringfort inspect carts/ada --json | jq '.nodes[] | select(.hint)'

Exit codes: 0 the owners hold the same, 1 they differ, or some of them did not answer`,
    )
    .action(async (place, key, options) => end(await (await import('./inspect.ts')).inspect(place, key, options, io)));

  add('repair <bucket/key> [key]', 'Merge what the nodes hold of a key, and write that to the owners that differ.')
    .addHelpText(
      'after',
      `
Nodes that are down are left out, and said to be. It does what a read, or anti-entropy, would do in time.

Example:
  ringfort repair carts/ada

Exit codes: 0 every owner holds the same now, 1 some owners could not be reached or written`,
    )
    .action(async (place, key, options) => end(await (await import('./inspect.ts')).repair(place, key, options, io)));
}

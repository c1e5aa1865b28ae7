import type { Command } from 'commander';
import { endpointOptions } from './endpoint.ts';
import type { CommandIo } from './io.ts';

/** `ringfort inspect`, `repair`, `export`, `import`, `scrub`, `backup`, `restore`. */
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

  endpointOptions(program.command('export <bucket>'), io)
    .description('Write a bucket to standard output, one key a line, with its siblings, deletes and clocks.')
    .addHelpText(
      'after',
      `
Each line is JSON. What R owners hold is merged; a key that changes meanwhile is as it was at some moment of the export.

Examples:
  ringfort export carts > carts.ndjson
  ringfort export carts | jq -r 'select(.siblings) | .key'

Exit codes: 0 all was exported, 1 some was left out`,
    )
    .action(async (bucket, options) =>
      end(await (await import('./export-import.ts')).exportBucket(bucket, options, io)),
    );

  endpointOptions(program.command('import <bucket>'), io)
    .description('Merge an export from standard input into a bucket.')
    .addHelpText(
      'after',
      `
Nothing is overwritten that the export has not seen: a value written since stays, beside the imported one where neither had seen the other. So it
may be broken off and run again. Into a cluster that never had these keys it brings them as they were. Keys that were deleted since, and whose
tombstones are collected by now, come back. Needs the right "admin". Lines that cannot be imported are named by their number.

Examples:
  ringfort import carts < carts.ndjson
  ringfort export carts --url http://a:7001 | ringfort import carts --url http://b:7001

Exit codes: 0 all was merged, 1 some lines were not, or the export is not whole`,
    )
    .action(async (bucket, options) =>
      end(await (await import('./export-import.ts')).importBucket(bucket, options, io)),
    );

  endpointOptions(program.command('scrub'), io)
    .description('Have a node read all that its disk holds, and what has rotted made whole by the other owners.')
    .option('-n, --node <id>', 'whose disk; default: of the node that is asked')
    .option('--no-wait', 'begin it only')
    .addHelpText(
      'after',
      `
Every node does so by itself, once a week (--scrub-interval). At most 8 MiB are read per second.

Examples:
  ringfort scrub
  ringfort scrub --node n3 --json

Exit codes: 0 all is whole, 1 some records are not whole (yet): the last lines say what helps`,
    )
    .action(async (options) => end(await (await import('./scrub.ts')).scrub(options, io)));
  endpointOptions(program.command('backup <directory>'), io)
    .description('Copy the stores of all nodes, while they run, into a new directory on this machine.')
    .option('--allow-missing', 'make a backup without the nodes that cannot be reached')
    .addHelpText(
      'after',
      `
Everything that was acknowledged before it began is in it; what is written meanwhile may be. The copies come by way of the node that is asked, and
need no room at the nodes. The last file, manifest.json, makes it a backup: without it the directory is what is left of one that was broken off.
Needs the right "admin".

Examples:
  ringfort backup backups/$(date +%F)
  ringfort backup b1 --url http://10.0.0.1:7001 --json | jq '.copies[].records'`,
    )
    .action(async (directory, options) => end(await (await import('./backup.ts')).backup(directory, options, io)));

  endpointOptions(program.command('restore <directory>'), io)
    .description('Merge a backup into a cluster of any size.')
    .option('--check', 'only see whether the backup is whole')
    .addHelpText(
      'after',
      `
The backup is checked first. Then every object is brought to its owners with the clock that it had: what was written since stays, so that it may
be broken off (Ctrl-C) and run again, into an empty cluster or a live one. Keys that were deleted since, and whose tombstones have been collected by
now, come back. Needs the right "admin".

Examples:
  ringfort restore backups/2026-01-31 --url http://10.0.1.1:7001
  ringfort restore backups/2026-01-31 --check

Exit codes: 0 all was merged, 1 something was not, or the backup is damaged`,
    )
    .action(async (directory, options) => end(await (await import('./restore.ts')).restore(directory, options, io)));
}

#!/usr/bin/env node
import { failureOf } from './cli/exit.ts';
import { run } from './cli/program.ts';

// A reader of our output that went away (`ringfort keys b | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  const { line, exitCode } = failureOf(error);
  process.stderr.write(`ringfort: ${line}\n`);
  process.exitCode = exitCode;
}

#!/usr/bin/env node
import pc from 'picocolors';
import { createCli } from './cli.ts';
import { BenchError, InterruptedError } from './errors.ts';

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // The first ends the run in order; a second one at once (the servers then end with this process).
  process.once(signal, () => {
    interruption.abort(new InterruptedError());
    process.once(signal, () => process.exit(130));
  });
}

const cli = createCli({ out: process.stdout, err: process.stderr, signal: interruption.signal });
try {
  await cli.parseAsync();
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  const known = error instanceof BenchError || (error instanceof Error && 'code' in error);
  process.stderr.write(`${pc.red('bench:')} ${known ? message : error instanceof Error ? error.stack : message}\n`);
  process.exitCode = exitCodeOf(error);
}

function exitCodeOf(error: unknown): number {
  if (error instanceof InterruptedError) return 130;
  return error instanceof BenchError && error.code === 'BENCH_OPTION_INVALID' ? 2 : 1;
}

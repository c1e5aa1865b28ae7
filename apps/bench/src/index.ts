/**
 * YCSB workloads against Ringfort, JetStream KV and etcd, side by side on one machine. Usually run as a program (`bench run --help`).
 *
 * @example
 * const options = parseRunOptions({ target: 'ringfort,jetstream-kv', workload: 'put' });
 * const result = await run(options, { starters, progress, signal });
 */
export { createCli } from './cli.ts';
export { BenchError } from './errors.ts';
export { parseRunOptions, type RunOptions } from './options.ts';
export { reportJson, reportText } from './report.ts';
export { type RunContext, type RunResult, run, type WorkloadResult } from './run.ts';
export { starters } from './targets/index.ts';

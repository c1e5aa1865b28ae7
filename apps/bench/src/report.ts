import Table from 'cli-table3';
import pc from 'picocolors';
import type { RunOptions } from './options.ts';
import type { RunResult, WorkloadResult } from './run.ts';
import type { Ratio, Summary } from './stats-core.ts';
import { workloads } from './workload-core.ts';

const HEAD = ['target', 'ops/s', 'min..max', 'p50 ms', 'p99 ms', 'p99.9 ms', 'max ms', 'CPU us/op client + servers'];

/** The result for people. */
export function reportText(result: RunResult, options: RunOptions): string {
  const lines = Object.entries(result.descriptions).map(([name, text]) => `${pc.bold(name.padEnd(12))} ${text}`);
  return [...lines, conditions(options), ...result.workloads.flatMap(section), ''].join('\n');
}

/** The result for programs: options, descriptions, every round, medians, ratios. */
export function reportJson(result: RunResult, options: RunOptions): string {
  return JSON.stringify({ options, ...result }, null, 2);
}

function conditions(options: RunOptions): string {
  const load =
    options.rate === undefined
      ? `closed loop, ${options.clients} clients`
      : `open loop, ${options.rate} operations/s, latency from the intended start`;
  return `${load}; ${options.records} records of ${options.valueBytes} B; median of ${options.rounds} rounds of ${options.seconds} s, targets in turn`;
}

function section({ workload, targets, ratios }: WorkloadResult): string[] {
  const table = new Table({
    head: HEAD,
    style: { head: [], border: [] },
    colAligns: HEAD.map((_, i) => (i === 0 ? 'left' : 'right')),
  });
  for (const { target, summary } of targets) table.push([target, ...cells(summary)]);
  return ['', pc.bold(workloads[workload].title), table.toString(), ...ratios.map(sentence)];
}

function cells(summary: Summary): string[] {
  const { latency } = summary;
  return [
    count(summary.throughput),
    `${count(summary.minThroughput)}..${count(summary.maxThroughput)}`,
    milliseconds(latency.p50Us),
    milliseconds(latency.p99Us),
    milliseconds(latency.p999Us),
    milliseconds(latency.maxUs),
    `${summary.clientCpuUs.toFixed(0)} + ${summary.serverCpuUs.toFixed(0)}`,
  ];
}

function sentence({ target, to, throughput, p99, p999, cpu }: Ratio): string {
  const times = (ratio: number) => `${ratio.toFixed(2)}x`;
  return `${target} / ${to}: throughput ${pc.bold(times(throughput))}, p99 ${times(p99)}, p99.9 ${times(p999)}, CPU per operation ${times(cpu)}`;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function milliseconds(us: number): string {
  return (us / 1_000).toFixed(us < 10_000 ? 2 : 1);
}

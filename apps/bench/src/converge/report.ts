import Table from 'cli-table3';
import type { ConvergeRow } from './converge.ts';
import type { ConvergeOptions } from './options.ts';

const HEAD = [
  'keys',
  'behind',
  'objects moved',
  'seconds',
  'bytes on the wire',
  'times theirs',
  'CPU s',
  'ready after',
];

/** The result for people. */
export function convergeText(rows: readonly ConvergeRow[], options: ConvergeOptions): string {
  const head = options.rate === 0 ? HEAD : [...HEAD, 'p99.9 ms'];
  const table = new Table({ head, style: { head: [], border: [] }, colAligns: head.map(() => 'right') });
  for (const row of rows) table.push(cells(row));
  const values = `three nodes that hold every key, values of ${options.valueBytes} B`;
  const meanwhile =
    options.rate === 0 ? '' : `; ${options.rate} requests/s meanwhile, whose messages are among the bytes on the wire`;
  return `${values}${meanwhile}\n${table.toString()}\n`;
}

function cells(row: ConvergeRow): string[] {
  const { foreground } = row;
  return [
    count(row.keys),
    `${row.divergingPercent}%`,
    count(row.objects),
    row.seconds.toFixed(1),
    count(row.wireBytes),
    row.divergingBytes === 0 ? '-' : `${(row.wireBytes / row.divergingBytes).toFixed(2)}x`,
    row.serverCpuSeconds.toFixed(1),
    `${Math.round(row.readyMs)} ms`,
    ...(foreground === undefined ? [] : [(foreground.p999Us / 1_000).toFixed(1)]),
  ];
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { alignedTable, lineOf, withMarked } from './markdown-table.ts';
import { measureScale, PARTITIONS, type ScaleRow, type Spread } from './scale.ts';

const sizes = [5, 10, 30, 100];
const SEED = 1;
const marks = ['<!-- scale: made by `npm run sim -- --scale` -->', '<!-- /scale -->'] as const;
const MEBIBYTE = 1024 * 1024;
const MAX_RSS_BYTES = 2_048 * MEBIBYTE;

/**
 * Measures clusters of several sizes, and writes the table into the document: always the same one, but for the memory, while the sources are the same.
 * @returns whether the memory was enough and each cluster came to agree
 */
export async function tellScale(document: string, tell: (line: string) => void): Promise<boolean> {
  const rows: ScaleRow[] = [];
  for (const nodes of sizes) {
    const row = await measureScale(nodes, SEED);
    rows.push(row);
    tell(lineOf(cellsOf(row)));
  }
  const made = [marks[0], '', ...tableOf(rows), '', marks[1]].join('\n');
  const before = existsSync(document) ? readFileSync(document, 'utf8') : '# The simulator\n\n## Large clusters\n';
  writeFileSync(document, withTable(before, made));
  const { peakRssBytes } = rows.at(-1)!;
  const agreed = rows.every(({ foundedMs, changeMs, crashMs, silenceMs, togetherMs }) =>
    [foundedMs, changeMs, crashMs, silenceMs, togetherMs].every((ms) => ms !== undefined),
  );
  return agreed && peakRssBytes <= MAX_RSS_BYTES;
}

/** The document with its table replaced, or put at its end. */
export function withTable(text: string, made: string): string {
  return withMarked(text, marks, made);
}

/** In the form that the formatter leaves alone. */
export function tableOf(rows: readonly ScaleRow[]): string[] {
  const columns = [
    'nodes',
    'founded',
    'change known to all',
    'closed connection known',
    'silence known',
    'messages/s per node',
    'bytes/s per node',
    'with a tenth down',
    'with histories apart',
    'together again',
    'first replicas per node',
    'replicas per node',
    'peak memory',
  ];
  return [`${PARTITIONS} partitions, seed ${SEED}.`, '', ...alignedTable(columns, rows.map(cellsOf))];
}

function cellsOf(row: ScaleRow): string[] {
  return [
    String(row.nodes),
    secondsText(row.foundedMs),
    secondsText(row.changeMs),
    secondsText(row.crashMs),
    secondsText(row.silenceMs),
    row.messagesPerSecond.toFixed(1),
    bytesText(row.bytesPerSecond),
    bytesText(row.bytesPerSecondDown),
    bytesText(row.bytesPerSecondApart),
    secondsText(row.togetherMs),
    spreadText(row.primaries),
    spreadText(row.replicas),
    `${Math.round(row.peakRssBytes / MEBIBYTE)} MiB`,
  ];
}

const bytesText = (bytes: number) => Math.round(bytes).toLocaleString('en');
const secondsText = (ms: number | undefined) => (ms === undefined ? 'never' : `${(ms / 1_000).toFixed(2)} s`);
const spreadText = ({ least, most, fair }: Spread) => `${least} to ${most}, fair ${Number(fair.toFixed(1))}`;

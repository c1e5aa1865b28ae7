/** A table in the form that the formatter leaves alone; columns are set to the right. */
export function alignedTable(columns: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const cells = [columns, ...rows];
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const lines = cells.map((row) => lineOf(row.map((cell, column) => cell.padStart(widths[column]!))));
  const rule = lineOf(widths.map((width) => `${'-'.repeat(width - 1)}:`));
  return [lines[0]!, rule, ...lines.slice(1)];
}

export const lineOf = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;

/** The document with what stands from one mark to the other replaced, or put at its end. What was made begins and ends with the marks. */
export function withMarked(text: string, [opening, closing]: readonly [string, string], made: string): string {
  const [from, to] = [text.indexOf(opening), text.indexOf(closing)];
  if (from === -1 || to < from) return `${text.trimEnd()}\n\n${made}\n`;
  return text.slice(0, from) + made + text.slice(to + closing.length);
}

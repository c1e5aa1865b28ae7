/** One row of a diagram: a message from one lane to another, something that happens on some lanes, or neither. */
export interface LaneRow {
  readonly atMs: number;
  readonly text: string;
  readonly arrow?: { readonly from: string; readonly to: string; readonly isLost: boolean };
  readonly marks?: { readonly lanes: readonly string[]; readonly sign: string };
}

/** How a lane is drawn from a mark on: nobody there, nobody who answers, or a process that runs. */
const stateAfter: Readonly<Record<string, string>> = { X: ' ', P: ':', o: '|', G: '|' };

const LANE_WIDTH = 8;
const TIME_WIDTH = 11;

/**
 * A sequence diagram in plain text: time goes down, each process has a column, `--->` is a message where it arrives, `---x` one that never does.
 * `X` is where a process dies (its line ends), `o` where it starts, `P` where it is paused, `G` where it goes on, `*` where it does something.
 */
export function drawLanes(
  lanes: readonly string[],
  rows: readonly (LaneRow | { readonly leftOut: number })[],
): string[] {
  const states = new Map(lanes.map((lane) => [lane, '|']));
  const heads = lanes.map((lane) => centred(lane)).join('');
  const drawn = rows.map((row) => {
    if ('leftOut' in row) return `${' '.repeat(TIME_WIDTH)}${columns(lanes, states)}  (${row.leftOut} left out)`;
    const cells = [...columns(lanes, states)];
    if (row.arrow !== undefined) drawArrow(cells, lanes, row.arrow);
    for (const lane of row.marks?.lanes ?? []) {
      const sign = row.marks!.sign;
      if (lanes.includes(lane)) cells[centre(lanes.indexOf(lane))] = sign;
      if (stateAfter[sign] !== undefined) states.set(lane, stateAfter[sign]);
    }
    return `${row.atMs.toFixed(3).padStart(TIME_WIDTH - 1)} ${cells.join('')}  ${row.text}`;
  });
  return [`${'ms'.padStart(TIME_WIDTH - 1)} ${heads}`, ...drawn].map((line) => line.trimEnd());
}

function columns(lanes: readonly string[], states: ReadonlyMap<string, string>): string {
  return lanes.map((lane) => centred(states.get(lane)!)).join('');
}

function drawArrow(
  cells: string[],
  lanes: readonly string[],
  { from, to, isLost }: NonNullable<LaneRow['arrow']>,
): void {
  const [start, end] = [lanes.indexOf(from), lanes.indexOf(to)].map(centre) as [number, number];
  const step = start < end ? 1 : -1;
  for (let at = start + step; at !== end; at += step) cells[at] = '-';
  cells[end - step] = isLost ? 'x' : step > 0 ? '>' : '<';
}

function centre(lane: number): number {
  return lane * LANE_WIDTH + LANE_WIDTH / 2;
}

/** Its first character is in the middle of the lane, or its middle for a name. */
function centred(text: string): string {
  const before = LANE_WIDTH / 2 - Math.floor((text.length - 1) / 2);
  return `${' '.repeat(Math.max(0, before))}${text}`.padEnd(LANE_WIDTH).slice(0, LANE_WIDTH);
}

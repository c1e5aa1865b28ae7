/** Commands, and what they print. */
export interface Block {
  /** Of its first command, from 1. */
  readonly line: number;
  readonly commands: readonly string[];
  readonly expected: readonly string[];
}

/** A part of a script: a block, or lines that mean nothing to it (comments, blank lines). */
export type Piece = Block | { readonly text: string };

const SEPARATOR = '----';

export class ScriptError extends Error {
  constructor(line: number, problem: string) {
    super(`line ${line}: ${problem}`);
    this.name = 'ScriptError';
  }
}

/**
 * Reads a script: commands, one a line; `----`; what they print, up to a blank line. Between such blocks there are blank lines and comments.
 * @throws ScriptError
 */
export function parseScript(text: string): Piece[] {
  const pieces: Piece[] = [];
  const lines = text.replace(/\n$/, '').split('\n');
  for (let at = 0; at < lines.length; ) {
    if (isOutside(lines[at]!)) {
      pieces.push({ text: lines[at]! });
      at += 1;
      continue;
    }
    const separator = lines.indexOf(SEPARATOR, at);
    if (separator === -1) throw new ScriptError(at + 1, `commands are followed by ${SEPARATOR}`);
    const blank = lines.indexOf('', separator);
    const end = blank === -1 ? lines.length : blank;
    pieces.push({
      line: at + 1,
      commands: lines.slice(at, separator),
      expected: lines.slice(separator + 1, end),
    });
    at = end;
  }
  return pieces;
}

/** The text of a script. */
export function formatScript(pieces: readonly Piece[]): string {
  const lines = pieces.flatMap((piece) =>
    'text' in piece ? [piece.text] : [...piece.commands, SEPARATOR, ...piece.expected],
  );
  return `${lines.join('\n')}\n`;
}

function isOutside(line: string): boolean {
  return line.trim() === '' || line.startsWith('#');
}

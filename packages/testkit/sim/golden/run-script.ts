import { seededRandom } from '../../src/index.ts';
import { setTrap } from '../trap.ts';
import { Interpreter } from './interpreter.ts';
import { formatScript, type Piece, parseScript, ScriptError } from './script.ts';

/**
 * Runs a script; returns its text with what its commands print now.
 * @throws ScriptError for a command that cannot be run, and when an invariant breaks on the way
 */
export async function runScript(text: string): Promise<string> {
  const pieces: Piece[] = [];
  const trap = setTrap(seededRandom(1));
  try {
    const interpreter = new Interpreter();
    for (const piece of parseScript(text)) {
      if ('text' in piece) pieces.push(piece);
      else pieces.push({ ...piece, expected: await interpreter.block(piece.commands).catch(failAt(piece.line)) });
    }
    if (trap.sprung.length > 0) throw new Error(trap.sprung.join('\n'));
  } finally {
    trap.remove();
  }
  return formatScript(pieces);
}

function failAt(line: number): (error: Error) => never {
  return (error) => {
    throw new ScriptError(line, error.message);
  };
}

import type { SeededRandom } from '../src/index.ts';

/** One malformed input: where it goes, and its bytes, in the pieces in which they arrive. */
export interface Input {
  readonly to: string;
  readonly parts: readonly Buffer[];
}

export interface Problem {
  /** Of the input; undefined where no single one can be blamed. */
  readonly index: number | undefined;
  readonly what: string;
}

/** A door of the system that takes bytes from elsewhere. */
export interface Edge {
  readonly name: string;
  /** How much of all inputs it gets. */
  readonly share: number;
  /** Inputs under way at once; 1 by default. */
  readonly width?: number;
  /** Depends on the random source only, so that seed and index repeat it. */
  make(random: SeededRandom): Input;
  /** Tells how the input ended (the code of the error, `accepted`, ...). @throws what must not be; `Wrong` where it is told in words */
  feed(input: Input, index: number): string | Promise<string>;
  /** Waits for what is under way, and tells what it found wrong since the last time. */
  settle?(): Promise<readonly Problem[]>;
  close?(): Promise<void>;
}

/** An answer that must not be. */
export class Wrong extends Error {}

/** Runs the reading of bytes. Resolves to its result, or to the code of its error, which must be one of those. @throws Wrong */
export function judged<T>(codes: readonly string[], read: () => T): { readonly value: T } | { readonly code: string } {
  try {
    return { value: read() };
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code === 'string' && codes.includes(code)) return { code };
    throw new Wrong(`not one of ${codes.join(', ')}: ${error instanceof Error ? error.stack : String(error)}`);
  }
}

export function check(holds: boolean, what: string): void {
  if (!holds) throw new Wrong(what);
}

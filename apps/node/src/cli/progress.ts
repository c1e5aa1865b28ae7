import type { CommandIo } from './io.ts';

const everyMs = 2000;

/** Tells how far a long command is, on standard error, every two seconds. */
export class Progress {
  readonly #io: CommandIo;
  readonly #text: () => string;
  #toldMs = performance.now();

  constructor(io: CommandIo, text: () => string) {
    this.#io = io;
    this.#text = text;
  }

  /** Called as often as there is progress. */
  tick(): void {
    const nowMs = performance.now();
    if (nowMs - this.#toldMs < everyMs) return;
    this.#toldMs = nowMs;
    this.#io.err(this.#text());
  }
}

/** `12.3 MiB` */
export function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

import { setTimeout as sleep } from 'node:timers/promises';
import picocolors from 'picocolors';
import { NodeError } from '../errors.ts';

/** A step of the story did not hold. */
export class StepFailedError extends NodeError {
  readonly code = 'STEP_FAILED';
  constructor(step: string, claim: string, found: string) {
    super(`step "${step}" did not hold: ${claim}; found: ${found}`, { step, claim, found });
  }
}

/** The story was broken off. */
class BrokenOffError extends NodeError {
  readonly code = 'STOPPED';
}

const pollMs = 100;

/** Tells the story, and checks each of its claims. */
export class Narrator {
  readonly #out: (text: string) => void;
  readonly #colors: ReturnType<typeof picocolors.createColors>;
  #steps = 0;
  #step = 'before the first';
  #checks = 0;
  #brokenOff = false;

  constructor(write: (text: string) => void, colored: boolean) {
    this.#out = write;
    this.#colors = picocolors.createColors(colored);
  }

  get steps(): number {
    return this.#steps;
  }

  get checks(): number {
    return this.#checks;
  }

  /** From now on nothing is told, and whoever wants to tell something fails with `STOPPED`. */
  breakOff(): void {
    this.#brokenOff = true;
  }

  title(text: string): void {
    this.#write(`\n${this.#colors.bold(text)}\n`);
  }

  step(title: string): void {
    this.#steps += 1;
    this.#step = title;
    this.#write(`\n${this.#colors.bold(this.#colors.cyan(`${this.#steps}. ${title}`))}\n`);
  }

  say(text: string): void {
    this.#write(`   ${text}\n`);
  }

  /** Something seen, which no check hangs on. */
  show(text: string): void {
    this.#write(`   ${this.#colors.dim(text)}\n`);
  }

  /** @throws StepFailedError unless what was found is what is claimed */
  check(claim: string, found: unknown, wanted: unknown): void {
    const [is, should] = [JSON.stringify(found), JSON.stringify(wanted)];
    if (is !== should) throw new StepFailedError(this.#step, claim, `${is} instead of ${should}`);
    this.#checks += 1;
    this.#write(`   ${this.#colors.green('ok')} ${claim}\n`);
  }

  /**
   * Looks again and again until what is found is what is claimed.
   * @throws StepFailedError with the last finding when that takes longer than `limitMs`
   */
  async checkBecomes<Found>(claim: string, limitMs: number, wanted: Found, look: () => Promise<Found>): Promise<void> {
    const rounds = Math.ceil(limitMs / pollMs);
    let found = await look();
    for (
      let round = 0;
      round < rounds && !this.#brokenOff && JSON.stringify(found) !== JSON.stringify(wanted);
      round += 1
    ) {
      await sleep(pollMs);
      found = await look();
    }
    this.check(claim, found, wanted);
  }

  end(text: string, held: boolean): void {
    this.#write(`\n${held ? this.#colors.green(text) : this.#colors.red(text)}\n`);
  }

  #write(text: string): void {
    if (this.#brokenOff) throw new BrokenOffError('the story was broken off');
    this.#out(text);
  }
}

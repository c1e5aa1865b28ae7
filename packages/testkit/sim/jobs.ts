import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { drawPlan } from './plan.ts';
import type { SimPlan } from './plan-shape.ts';
import { type Simplification, simplified } from './simplify.ts';
import { type SimResult, simulate } from './simulate.ts';

/** Runs of consecutive seeds. */
export interface Batch {
  readonly seed: number;
  readonly runs: number;
  readonly scenario: string;
  readonly less: Simplification;
  readonly keepLines: boolean;
  /** Processes that share the work. */
  readonly jobs: number;
}

/** One run: what its seed drew, and what came of that with what was taken away from it. */
export interface BatchRun {
  readonly drawn: SimPlan;
  readonly result: SimResult;
}

/** What a worker is asked for: one run of the batch. */
export type JobRequest = Pick<Batch, 'seed' | 'scenario' | 'less' | 'keepLines'>;

/** How many results may wait for one that comes before them, per worker. */
const AHEAD_PER_JOB = 8;
/** A run leaves hardly anything behind, so the less often the young generation is searched the better. */
const YOUNG_MEGABYTES = 64;

/** The run that is asked for, here and now; without `entries`, which only explain a run that failed. */
export async function runJob({ seed, scenario, less, keepLines }: JobRequest): Promise<BatchRun> {
  const drawn = drawPlan(seed, scenario);
  const result = await simulate(simplified(drawn, less), { keepLines });
  return { drawn, result: { ...result, entries: [] } };
}

/** The runs of the batch in the order of their seeds, whichever ends first; the same as with one process. */
export async function* runBatch(batch: Batch): AsyncGenerator<BatchRun> {
  const { seed, runs } = batch;
  const jobs = Math.min(batch.jobs, runs);
  const pool = jobs > 1 ? new Pool(jobs) : { run: runJob, end() {} };
  const ahead = jobs > 1 ? jobs * AHEAD_PER_JOB : 1;
  const started: Promise<BatchRun>[] = [];
  try {
    for (let index = 0; index < runs; index += 1) {
      for (; started.length < Math.min(runs, index + ahead); ) {
        const run = pool.run({ ...batch, seed: seed + started.length });
        run.catch(() => {}); // thrown where it is awaited, in its turn
        started.push(run);
      }
      yield await started[index]!;
      delete started[index];
    }
  } finally {
    pool.end();
  }
}

/** Worker processes, and what waits for one. */
class Pool {
  readonly #workers: readonly Worker[];
  readonly #idle: Worker[];
  readonly #waiting: ((worker: Worker) => void)[] = [];

  constructor(jobs: number) {
    this.#workers = Array.from({ length: jobs }, () => new Worker());
    this.#idle = [...this.#workers];
  }

  async run(request: JobRequest): Promise<BatchRun> {
    const worker = this.#idle.pop() ?? (await new Promise<Worker>((resolve) => this.#waiting.push(resolve)));
    const run = await worker.run(request);
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(worker);
    else next(worker);
    return run;
  }

  end(): void {
    for (const worker of this.#workers) worker.end();
  }
}

/** A process that simulates what it is asked for, one run at a time. */
class Worker {
  readonly #process: ChildProcess;
  readonly #ended: Promise<never>;

  constructor() {
    // Only the compiled simulator has workers.
    this.#process = fork(fileURLToPath(new URL('worker.js', import.meta.url)), [], {
      execArgv: [...process.execArgv, `--max-semi-space-size=${YOUNG_MEGABYTES}`],
      serialization: 'advanced',
    });
    this.#ended = once(this.#process, 'exit').then(([code, signal]) => {
      throw new Error(`a process that simulates ended by itself: ${signal ?? `code ${code}`}`);
    });
    this.#ended.catch(() => {}); // thrown where a run is awaited
  }

  async run(request: JobRequest): Promise<BatchRun> {
    const answered = once(this.#process, 'message');
    this.#process.send(request);
    const [run] = await Promise.race([answered, this.#ended]);
    return run as BatchRun;
  }

  end(): void {
    this.#process.kill();
  }
}

import { SingleBar } from 'cli-progress';

/** Tells how far a run is. */
export interface Progress {
  /** A new stage begins, of so many steps. */
  stage(name: string, steps: number): void;
  step(steps?: number): void;
  end(): void;
}

/** A bar on standard error when that is a terminal, else nothing. */
export function progressOn(stream: NodeJS.WriteStream): Progress {
  if (!stream.isTTY) return { stage: () => undefined, step: () => undefined, end: () => undefined };
  const bar = new SingleBar({
    stream,
    format: '{bar} {percentage}% | {stage}',
    barsize: 30,
    clearOnComplete: true,
    hideCursor: true,
    fps: 5,
  });
  let running = false;
  const end = (): void => {
    if (running) bar.stop();
    running = false;
  };
  return {
    stage: (name, steps) => {
      end();
      bar.start(Math.max(1, steps), 0, { stage: name });
      running = true;
    },
    step: (steps = 1) => bar.increment(steps),
    end,
  };
}

import type { Clock } from '@ringfort/bus';

interface Topic<T> {
  wanted: T;
  announced: T | undefined;
  announcedAtMs: number;
}

/**
 * Limits how often something is announced: at once, but the same topic not again within `pauseMs`. What changes faster is announced by a
 * later {@link Announcements.flush}, and only if it then differs from what was announced last.
 */
export class Announcements<T extends string> {
  readonly #clock: Clock;
  readonly #pauseMs: number;
  readonly #publish: (topic: string, value: T) => void;
  readonly #topics = new Map<string, Topic<T>>();

  constructor(clock: Clock, pauseMs: number, publish: (topic: string, value: T) => void) {
    this.#clock = clock;
    this.#pauseMs = pauseMs;
    this.#publish = publish;
  }

  announce(name: string, value: T): void {
    const topic = this.#topics.get(name) ?? { wanted: value, announced: undefined, announcedAtMs: -Infinity };
    topic.wanted = value;
    this.#topics.set(name, topic);
    this.#tryAnnounce(name, topic);
  }

  /** Announces what had to wait. Call it once a round. */
  flush(): void {
    for (const [name, topic] of this.#topics) this.#tryAnnounce(name, topic);
  }

  #tryAnnounce(name: string, topic: Topic<T>): void {
    const nowMs = this.#clock.monotonicMs();
    if (topic.wanted === topic.announced || nowMs - topic.announcedAtMs < this.#pauseMs) return;
    topic.announced = topic.wanted;
    topic.announcedAtMs = nowMs;
    this.#publish(name, topic.wanted);
  }
}

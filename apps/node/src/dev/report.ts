/** One node of a `ringfort dev`. */
export interface DevNode {
  readonly id: string;
  readonly url: string;
  readonly pid: number;
}

/** What is told of the cluster while it starts and runs. */
export interface DevReport {
  tell(line: string): void;
  nodeReady(node: DevNode): void;
  nodeEnded(id: string, pid: number, how: string): void;
  /** Resolves when the user wants it to stop: a start under way is given up. */
  readonly stopAsked: Promise<unknown>;
}

/** What the commands write to and read from; replaced in tests. */
export interface CommandIo {
  out(bytes: string | Uint8Array): void;
  /** For much output: resolves when it has been taken, so that no more than this is in memory. Rejects when the reader is gone. */
  outTaken(bytes: string | Uint8Array): Promise<void>;
  err(line: string): void;
  readonly stdinIsTty: boolean;
  readStdin(): Promise<Uint8Array>;
  /** Asks whoever sits there, and answers the line that was typed. */
  question(text: string): Promise<string>;
  /** Standard input as it comes. */
  stdin(): AsyncIterable<Uint8Array>;
  readonly env: NodeJS.ProcessEnv;
}

export const processIo: CommandIo = {
  out: (bytes) => void process.stdout.write(bytes),
  outTaken: (bytes) =>
    new Promise((resolve, reject) => {
      process.stdout.write(bytes, (error) => (error === undefined || error === null ? resolve() : reject(error)));
    }),
  err: (line) => void process.stderr.write(`${line}\n`),
  get stdinIsTty() {
    return process.stdin.isTTY === true;
  },
  async readStdin() {
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  },
  async question(text) {
    const { createInterface } = await import('node:readline/promises');
    const asked = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return await asked.question(text);
    } finally {
      asked.close();
    }
  },
  stdin: () => process.stdin,
  env: process.env,
};

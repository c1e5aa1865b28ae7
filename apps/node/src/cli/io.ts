/** What the commands write to and read from; replaced in tests. */
export interface CommandIo {
  out(bytes: string | Uint8Array): void;
  err(line: string): void;
  readonly stdinIsTty: boolean;
  readStdin(): Promise<Uint8Array>;
  readonly env: NodeJS.ProcessEnv;
}

export const processIo: CommandIo = {
  out: (bytes) => void process.stdout.write(bytes),
  err: (line) => void process.stderr.write(`${line}\n`),
  get stdinIsTty() {
    return process.stdin.isTTY === true;
  },
  async readStdin() {
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  },
  env: process.env,
};

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";

export { freePort } from "../free-port.ts";

/** A directory that goes when the test ends. */
export async function temporaryDirectory(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "warmbox-render-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** A rendered file on disk. */
export async function fileOf(dir: string, name: string, text: string, mode = 0o644): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, text, { mode });
  return path;
}

/** What a finished program said. */
export type Said = { code: number; stdout: string; stderr: string };

/** Runs a program to its end, in an environment of its own. */
export function run(
  argv: string[],
  options: { env?: Record<string, string>; cwd?: string } = {},
): Promise<Said> {
  const [program = "", ...words] = argv;
  return new Promise((done) => {
    execFile(program, words, { timeout: 60_000, ...options }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      done({ code, stdout, stderr });
    });
  });
}

/** Time a daemon gets to open its port on a busy machine. */
const OPEN_SECONDS = 30;

/** Starts a daemon, waits until its port is open, and ends it with the test. */
export async function daemon(
  argv: string[],
  port: number,
  env: Record<string, string>,
): Promise<ChildProcess> {
  const [program = "", ...words] = argv;
  const child = spawn(program, words, { env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data) => (said += data));
  const ended = new Promise((done) => child.once("exit", done));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  for (let left = OPEN_SECONDS * 10; !(await open(port)); left--) {
    if (child.exitCode !== null || left === 0)
      throw new Error(`${argv.join(" ")}: port ${port} did not open:\n${said}`);
    await sleep(100);
  }
  return child;
}

function open(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => done(true));
    socket.once("error", () => done(false));
    socket.once("close", () => socket.destroy());
    socket.once("connect", () => socket.end());
  });
}

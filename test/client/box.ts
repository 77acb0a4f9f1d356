import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";

/** The shells that a host's `/bin/sh` may be. */
export const SHELLS: readonly (readonly [name: string, argv: readonly string[]])[] = [
  ["dash", ["dash"]],
  ["bash", ["bash"]],
  ["busybox", ["busybox", "sh"]],
];

/** What a finished program said; `code` is 128 + signal where a signal ended it. */
export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A HOME of the test's own that goes with the test. */
export interface Home {
  readonly dir: string;
  readonly env: Record<string, string>;
  /** Writes a file below HOME and returns its path. */
  file(path: string, text: string, mode?: number): Promise<string>;
}

/** Ends what was started with that HOME and outlived its test, such as a server that a client of sccache began. */
async function endStrays(home: string): Promise<void> {
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
    if (!environment.split("\0").includes(`HOME=${home}`)) continue;
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // it ended meanwhile
    }
  }
}

export async function makeHome(): Promise<Home> {
  const dir = await mkdtemp(join(tmpdir(), "warmbox-client-"));
  onTestFinished(async () => {
    await endStrays(dir);
    await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });
  await mkdir(join(dir, "run"), { mode: 0o700 });
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: dir,
    XDG_RUNTIME_DIR: join(dir, "run"),
    CARGO_HOME: join(dir, ".cargo"),
    RUSTUP_HOME: process.env.RUSTUP_HOME ?? join(homedir(), ".rustup"),
    GIT_CONFIG_GLOBAL: "/dev/null",
    ...Object.fromEntries(
      Object.entries(process.env).filter(([name, value]) => /^(SSL_|CURL_CA)/.test(name) && value),
    ),
  } as Record<string, string>;
  const file = async (path: string, text: string, mode = 0o644) => {
    const full = join(dir, path);
    await mkdir(dirname(full), { recursive: true });
    await writeFile(full, text);
    await chmod(full, mode);
    return full;
  };
  return { dir, env, file };
}

export interface RunOptions {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly stdin?: string;
}

const SIGNALS: Record<string, number> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGUSR2: 12, SIGTERM: 15 };
/** Longer than any single program of these tests; only a hang reaches it. */
const RUN_LIMIT_MS = 120_000;

/** Runs a program until it has exited and closed its output. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Said> {
  return await start(argv, options).done;
}

export interface Started {
  readonly child: ChildProcess;
  readonly done: Promise<Said>;
  /** Everything said so far on stderr. */
  stderr(): string;
}

/** Starts a program; it is killed with the test if it still runs then. */
export function start(argv: readonly string[], { env, cwd, stdin }: RunOptions = {}): Started {
  const [program = "", ...words] = argv;
  const child = spawn(program, words, { env, cwd, stdio: ["pipe", "pipe", "pipe"], timeout: RUN_LIMIT_MS });
  const said = { stdout: "", stderr: "" };
  child.stdout.on("data", (data) => {
    said.stdout += data;
  });
  child.stderr.on("data", (data) => {
    said.stderr += data;
  });
  child.stdin.on("error", () => {});
  child.stdin.end(stdin ?? "");
  const done = new Promise<Said>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) =>
      resolve({ code: code ?? 128 + (SIGNALS[signal ?? ""] ?? 0), ...said }),
    );
  });
  return { child, done, stderr: () => said.stderr };
}

/** Waits until `check` holds. */
export async function until(check: () => Promise<boolean> | boolean, what: string): Promise<void> {
  for (let left = 300; !(await check()); left--) {
    if (left === 0) throw new Error(`never happened: ${what}`);
    await sleep(100);
  }
}

/** Starts a daemon, waits for its TCP port, kills it with the test, stopped or not. */
export async function daemon(
  argv: readonly string[],
  port: number,
  env: Record<string, string>,
): Promise<ChildProcess> {
  const [program = "", ...words] = argv;
  const child = spawn(program, words, { env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (data) => {
    said += data;
  });
  const ended = new Promise((done) => child.once("exit", done));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`${argv.join(" ")} ended:\n${said}`);
    return await open(port);
  }, `${program} on port ${port}`);
  return child;
}

function open(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      done(true);
    });
    socket.once("error", () => done(false));
  });
}

export { freePort } from "../free-port.ts";

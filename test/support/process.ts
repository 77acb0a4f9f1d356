/** Running programs to their end, with a limit in time and all their output kept. */
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";

/** How a program ended. A test compares `code`, `stdout` and `stderr` with `toEqual`: the other two are not enumerable. */
export interface Finished {
  /** Exit status; 128 + signal where a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout and stderr in order of arrival, as a person would have seen them. */
  readonly output: string;
  readonly signal: NodeJS.Signals | null;
}

export interface ProcessOptions {
  /** Default: this process's environment. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Default: empty. */
  readonly stdin?: string;
  /** The program is killed after it, and its end is an error. */
  readonly timeoutSeconds?: number;
  /** Default: utf8. latin1 keeps every byte. */
  readonly encoding?: "utf8" | "latin1";
  /** In a separate process group. */
  readonly detached?: boolean;
  /** Sees output of both streams as it comes. */
  readonly onOutput?: (text: string) => void;
}

/** A program that runs. */
export interface Started {
  readonly child: ChildProcess;
  readonly done: Promise<Finished>;
  /** stderr until now. */
  stderr(): string;
}

/** Longer than any single program of the tests takes; only a hang reaches it. */
const LIMIT_SECONDS = 120;
const SIGNAL_BASE = 128;

/** Runs a program until it has exited and closed its output. Rejects if it cannot be started or outlives its limit. */
export async function run(argv: readonly string[], options: ProcessOptions = {}): Promise<Finished> {
  return await start(argv, options).done;
}

/** `run`, where an exit status other than 0 is an error with all the output; returns stdout. */
export async function demand(argv: readonly string[], options: ProcessOptions = {}): Promise<string> {
  const { stdout, output, code } = await run(argv, options);
  if (code !== 0) throw new Error(`${argv.join(" ")}: exit ${code}\n${output}`);
  return stdout;
}

/** Starts a program; `done` is its end. */
export function start(argv: readonly string[], options: ProcessOptions = {}): Started {
  const { stdin = "", timeoutSeconds = LIMIT_SECONDS, encoding = "utf8", onOutput } = options;
  const { env, cwd, detached = false } = options;
  const [program = "", ...words] = argv;
  const child = spawn(program, words, { env, cwd, detached, stdio: ["pipe", "pipe", "pipe"] });
  const text = { stdout: "", stderr: "" };
  let output = "";
  for (const name of ["stdout", "stderr"] as const) {
    // setEncoding: a character may be cut between two chunks
    child[name].setEncoding(encoding).on("data", (chunk: string) => {
      text[name] += chunk;
      output += chunk;
      onOutput?.(chunk);
    });
  }
  child.stdin.on("error", () => undefined); // a program that was killed, or reads no stdin
  child.stdin.end(stdin);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, timeoutSeconds * 1000);
  const done = new Promise<Finished>((resolve, reject) => {
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      if (isLate) reject(new Error(`${argv.join(" ")}: still running after ${timeoutSeconds} s\n${output}`));
      else
        resolve(finished(code ?? SIGNAL_BASE + constants.signals[signal ?? "SIGKILL"], signal, text, output));
    });
  });
  return { child, done, stderr: () => text.stderr };
}

function finished(
  code: number,
  signal: NodeJS.Signals | null,
  text: { stdout: string; stderr: string },
  output: string,
): Finished {
  return Object.defineProperties({ code, ...text } as Finished, {
    output: { value: output },
    signal: { value: signal },
  });
}

/** All output of a process until now: for the error of a start that fails. */
export function outputOf(child: ChildProcess): () => string {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
  }
  return () => text;
}

/** Throws with the process's output if it has ended; otherwise false. */
export function failIfEnded(
  name: string,
  { exitCode, signalCode }: ChildProcess,
  output: () => string,
): false {
  if (exitCode === null && signalCode === null) return false;
  throw new Error(`${name} ended (${exitCode ?? signalCode}); its output:\n${output()}`);
}

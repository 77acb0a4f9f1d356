/** Runs a build program: its lines are handed on as they come, and it ends when we do. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { UserError } from "../stacks/errors.ts";

/** How many of the last lines a failure shows. */
const SHOWN_LINES = 15;

/** One program to run. `env` is its whole environment. */
export type Command = {
  argv: readonly [string, ...string[]];
  cwd: string;
  env: NodeJS.ProcessEnv;
  /** Called with each line of standard error, where cargo and go say what they do. */
  onLine?: (line: string) => void;
};

/**
 * Runs it and returns its standard output. Throws with its last lines when it fails. A signal that ends us
 * ends it first: a build that goes on without us would hold its own locks against the next try.
 */
export async function run({ argv, cwd, env, onLine }: Command): Promise<string> {
  const [program, ...args] = argv;
  const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  const stop = (signal: NodeJS.Signals) => {
    child.kill("SIGTERM");
    release();
    process.kill(process.pid, signal);
  };
  const release = () => {
    for (const signal of ENDING) process.off(signal, stop);
  };
  for (const signal of ENDING) process.on(signal, stop);
  let output = "";
  const last: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  // cargo redraws its progress line with \r alone, which readline takes for a line end too.
  createInterface({ input: child.stderr, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) => {
    onLine?.(line);
    if (!line.trim() || PROGRESS_LINE.test(line)) return;
    last.push(line);
    if (last.length > SHOWN_LINES) last.shift();
  });
  try {
    const code = await new Promise<number | string>((resolve, fail) => {
      child.on("error", (error: NodeJS.ErrnoException) => fail(notStarted(program, error)));
      child.on("close", (status, signal) => resolve(status ?? signal ?? "no status"));
    });
    if (code === 0) return output;
    throw new UserError(
      "failed",
      `${argv.slice(0, 3).join(" ")} … ended with ${code}:\n  ${last.join("\n  ")}`,
    );
  } finally {
    release();
  }
}

const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** cargo's redrawn counter, which is no message. */
const PROGRESS_LINE = /^\s*((Building|Fetch) \[|Downloading \d+ crates?\b)/;

function notStarted(program: string, error: NodeJS.ErrnoException): Error {
  return error.code === "ENOENT"
    ? new UserError("missing", `${program} is not on PATH`)
    : new UserError("missing", `${program} does not start: ${error.message}`);
}

/** A copy of the environment without the variables whose name matches `drop`, with `set` on top. */
export function environment(drop: RegExp, set: Record<string, string>): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !drop.test(name));
  return { ...Object.fromEntries(entries), ...set };
}

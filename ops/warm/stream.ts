import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { cleanEnv, whenDone } from "../../host/reach.ts";

/** How a script that was followed line by line ended; `code` is null where a signal ended it. */
export type StreamEnd = { code: number | null; stderr: string };

/** Signals that end this process reach the script first, so that it can tidy up, milliseconds to wait for it. */
const TIDY_MS = 15_000;

/**
 * Runs a script through a prefix and hands over each line of its stdout as it comes. Ended by a signal, it passes the
 * signal on and waits for the script to tidy up; through ssh the signal ends the connection, which the script notices.
 *
 * @param limitSeconds past it the prefix's program is killed; default: none
 * @throws Error where the prefix's program cannot be started
 */
export async function streamScript(
  prefix: readonly string[],
  script: string,
  line: (text: string) => void,
  limitSeconds?: number,
): Promise<StreamEnd> {
  const [program = "", ...args] = prefix;
  const child = spawn(program, args, { env: cleanEnv(process.env), detached: true });
  const stop = (): void => {
    child.kill("SIGTERM");
    setTimeout(() => process.exit(130), TIDY_MS).unref();
    whenDone(child, () => process.exit(130));
  };
  for (const signal of SIGNALS) process.once(signal, stop);
  const limit =
    limitSeconds === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), limitSeconds * 1000);
  createInterface({ input: child.stdout }).on("line", line);
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-MOST_STDERR);
  });
  child.stdin.on("error", () => {}); // the script's end came before its text did: the exit code tells
  child.stdin.end(script);
  return await new Promise((resolve, fail) => {
    child.once("error", (error) => fail(new Error(`cannot start ${program}: ${error.message}`)));
    whenDone(child, (code) => {
      clearTimeout(limit);
      for (const signal of SIGNALS) process.off(signal, stop);
      resolve({ code, stderr });
    });
  });
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const MOST_STDERR = 8_000;

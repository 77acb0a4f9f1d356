/** Runs one program to its end: what every file of this folder does, with a bound in time and the whole output kept. */
import { spawn } from "node:child_process";

/** What a finished program left: both streams as UTF-8 text, and its exit code (128 + signal when killed). */
export type Outcome = { stdout: string; stderr: string; code: number };

/** `input` goes to stdin (default: none), `timeoutSeconds` kills (default 60 s), `onStderr` sees stderr as it comes. */
export type CommandOptions = {
  input?: string;
  timeoutSeconds?: number;
  env?: NodeJS.ProcessEnv;
  onOutput?: (text: string) => void;
};

const SIGNAL_BASE = 128;
const SIGKILL = 9;

/** Runs `argv`; rejects only when it cannot be started or outlives its bound, never for an exit code. */
export function command(argv: string[], options: CommandOptions = {}): Promise<Outcome> {
  const { input = "", timeoutSeconds = 60, env = process.env, onOutput } = options;
  const [program = "", ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ["pipe", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, timeoutSeconds * 1000);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      onOutput?.(text);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      onOutput?.(text);
    });
    child.on("error", (cause) => reject(new Error(`${program}: cannot be started: ${cause.message}`)));
    child.on("close", (code) => {
      clearTimeout(timer);
      if (late)
        reject(new Error(`${argv.join(" ")}: still running after ${timeoutSeconds} s\n${stdout}${stderr}`));
      else resolve({ stdout, stderr, code: code ?? SIGNAL_BASE + SIGKILL });
    });
    child.stdin.on("error", () => undefined); // a program that never reads its stdin is no fault
    child.stdin.end(input);
  });
}

/** `command`, but an exit code other than 0 is an error that carries all the program said. */
export async function demand(argv: string[], options: CommandOptions = {}): Promise<string> {
  const { stdout, stderr, code } = await command(argv, options);
  if (code !== 0) throw new Error(`${argv.join(" ")}: exit ${code}\n${stderr}${stdout}`);
  return stdout;
}

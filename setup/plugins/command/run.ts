/**
 * Runs one command the way the released plugin does: interpreter + command text as last argument, output kept
 * in three buffers, a failure reported with the command and everything it printed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { constants } from "node:os";
import type { CommandInputs } from "./inputs.ts";

/** What a command left: both streams without their last newline. */
export type CommandOutputs = { stdout: string; stderr: string };
/** Receives output line by line while the command runs. */
export type LineSink = (line: string) => void;

const DEFAULT_INTERPRETER = ["/bin/sh", "-c"];
const NO_PREVIOUS: CommandOutputs = { stdout: "", stderr: "" };

/** How long a killed command's last output is waited for, in milliseconds. */
const KILLED_OUTPUT_MS = 1_000;

/** Variables that serve the fallback plugin itself and must not reach commands. */
const OWN_VARIABLES = ["NODE_COMPILE_CACHE"];

/**
 * Runs `command` and resolves with its output. Rejects with the released plugin's text when it cannot start,
 * exits with another code than 0 or is ended by a signal. Aborting `signal` kills the process.
 */
export function runCommand(
  command: string,
  inputs: CommandInputs,
  previous: CommandOutputs = NO_PREVIOUS,
  sink: LineSink = () => {},
  signal?: AbortSignal,
): Promise<CommandOutputs> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string, output: string): void =>
      reject(new Error(`${reason}: running ${goQuote(command)}:\n${output}`));
    if (signal?.aborted) return fail("context canceled", "");
    const [program = "", ...args] = [...interpreterOf(inputs), command];
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[], both: [] as Buffer[] };
    const cannotStart = (error: unknown): void =>
      fail(startFailure(error as NodeJS.ErrnoException, program, inputs.dir), "");
    let child: ChildProcess;
    try {
      child = spawn(program, args, {
        cwd: inputs.dir ?? process.cwd(),
        env: environmentOf(inputs, previous),
        stdio: [inputs.stdin ? "pipe" : "ignore", "pipe", "pipe"],
      });
    } catch (error) {
      return cannotStart(error); // an argument list that is too long throws at once
    }
    const lines = lineSplitter(sink);
    collect(child, "stdout", output, logs(inputs, "stdout") ? lines.push : undefined);
    collect(child, "stderr", output, logs(inputs, "stderr") ? lines.push : undefined);
    const kill = (): void => {
      child.kill("SIGKILL");
      // What the command itself started may live on and hold the pipes; the user is not kept waiting for it.
      setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, KILLED_OUTPUT_MS).unref();
    };
    signal?.addEventListener("abort", kill, { once: true });
    child.once("error", (error) => {
      signal?.removeEventListener("abort", kill);
      cannotStart(error);
    });
    child.once("close", (code, killedBy) => {
      signal?.removeEventListener("abort", kill);
      lines.end();
      if (code !== 0) return fail(exitText(code, killedBy), text(output.both));
      resolve({ stdout: trimmed(text(output.stdout)), stderr: trimmed(text(output.stderr)) });
    });
    // A command may end without reading its input; the broken pipe is no failure.
    child.stdin?.on("error", () => {});
    child.stdin?.end(inputs.stdin);
  });
}

function interpreterOf(inputs: CommandInputs): string[] {
  return inputs.interpreter && inputs.interpreter.length > 0 ? inputs.interpreter : DEFAULT_INTERPRETER;
}

function environmentOf(inputs: CommandInputs, previous: CommandOutputs): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { ...process.env };
  for (const name of OWN_VARIABLES) delete environment[name];
  Object.assign(environment, inputs.environment);
  if (inputs.addPreviousOutputInEnv ?? true) {
    if (previous.stdout !== "") environment.PULUMI_COMMAND_STDOUT = previous.stdout;
    if (previous.stderr !== "") environment.PULUMI_COMMAND_STDERR = previous.stderr;
  }
  return environment;
}

function logs(inputs: CommandInputs, stream: "stdout" | "stderr"): boolean {
  return inputs.logging === undefined || inputs.logging === stream || inputs.logging === "stdoutAndStderr";
}

function collect(
  child: ChildProcess,
  stream: "stdout" | "stderr",
  output: Record<"stdout" | "stderr" | "both", Buffer[]>,
  log?: (chunk: Buffer) => void,
): void {
  child[stream]?.on("data", (chunk: Buffer) => {
    output[stream].push(chunk);
    output.both.push(chunk);
    log?.(chunk);
  });
}

function lineSplitter(sink: LineSink): { push: (chunk: Buffer) => void; end: () => void } {
  const decoder = new TextDecoder();
  let rest = "";
  const emit = (line: string): void => sink(line.replace(/\r$/, ""));
  return {
    push: (chunk) => {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      parts.forEach(emit);
    },
    end: () => {
      if (rest !== "") emit(rest);
    },
  };
}

function text(chunks: Buffer[]): string {
  return Buffer.concat(chunks).toString("utf8");
}

function trimmed(output: string): string {
  return output.endsWith("\n") ? output.slice(0, -1) : output;
}

function exitText(code: number | null, killedBy: NodeJS.Signals | null): string {
  return code !== null ? `exit status ${code}` : `signal: ${signalText(killedBy ?? "SIGKILL")}`;
}

/** Go's words for signals; the ones a command on a host meets. */
function signalText(name: NodeJS.Signals): string {
  const causes: Partial<Record<NodeJS.Signals, string>> = {
    SIGKILL: "killed",
    SIGTERM: "terminated",
    SIGINT: "interrupt",
    SIGHUP: "hangup",
    SIGPIPE: "broken pipe",
    SIGABRT: "aborted",
    SIGSEGV: "segmentation fault",
    SIGQUIT: "quit",
    SIGALRM: "alarm clock",
  };
  return causes[name] ?? `signal ${constants.signals[name]}`;
}

function startFailure(error: NodeJS.ErrnoException, program: string, dir: string | undefined): string {
  const reasons: Record<string, string> = {
    ENOENT: "no such file or directory",
    EACCES: "permission denied",
    E2BIG: "argument list too long",
    ENOEXEC: "exec format error",
    ENOTDIR: "not a directory",
  };
  const reason = reasons[error.code ?? ""] ?? error.message;
  if (dir !== undefined && !existsSync(dir)) return `chdir ${dir}: no such file or directory`;
  if (dir !== undefined && !statSync(dir).isDirectory()) return `chdir ${dir}: not a directory`;
  if (program.includes("/")) return `fork/exec ${program}: ${reason}`;
  return `exec: ${goQuote(program)}: executable file not found in $PATH`;
}

/** A string as Go's %q prints it; JSON's escapes differ for control characters. */
export function goQuote(value: string): string {
  const short: Record<string, string> = {
    "\x07": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
  };
  const escaped = value.replace(/["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (short[character] !== undefined) return short[character];
    if (code < 0x80) return `\\x${code.toString(16).padStart(2, "0")}`;
    if (code < 0x10000) return `\\u${code.toString(16).padStart(4, "0")}`;
    return `\\U${code.toString(16).padStart(8, "0")}`;
  });
  return `"${escaped}"`;
}

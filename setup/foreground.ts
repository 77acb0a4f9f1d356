/** Runs a program on the terminal and passes signals on, so that it ends in good order with this process. */
import { type ChildProcess, spawn } from "node:child_process";

/** One key press may reach a program in two ways (the terminal and npm): within this time it counts once. */
const SAME_SIGNAL_MS = 1_000;

/** How a program is to be run. */
export type ForegroundOptions = {
  cwd: string;
  env: NodeJS.ProcessEnv;
  /**
   * What a closed terminal does to it. "interrupt": it does not see the hang-up and gets a SIGINT instead, so that it
   * finishes its current step and frees its lock. Default: the hang-up as it is.
   */
  hangUp?: "interrupt";
};

/** A shell that ignores the hang-up and becomes the program, which inherits that unless it handles the signal itself. */
const DEAF = ["/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh"];

/** Runs the program to its end and resolves with its exit code. */
export function inForeground(
  argv: readonly string[],
  { cwd, env, hangUp }: ForegroundOptions,
): Promise<number> {
  const [program = "", ...args] = hangUp === "interrupt" ? [...DEAF, ...argv] : argv;
  const child = spawn(program, args, { cwd, env, stdio: "inherit" });
  const release = passSignals(child, hangUp);
  return new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  }).finally(release);
}

function passSignals(child: ChildProcess, hangUp: ForegroundOptions["hangUp"]): () => void {
  let interrupted = Number.NEGATIVE_INFINITY;
  const interrupt = (): void => {
    const time = Date.now();
    if (time - interrupted < SAME_SIGNAL_MS) return;
    interrupted = time;
    child.kill("SIGINT");
  };
  let hungUp = false;
  const handlers: Partial<Record<NodeJS.Signals, () => void>> = {
    // A terminal gives Ctrl-C to the child too; a second one would make Pulumi drop everything.
    SIGINT: onTerminal() ? () => {} : interrupt,
    SIGTERM: () => child.kill("SIGTERM"),
    SIGHUP: () => {
      if (hangUp !== "interrupt") return void child.kill("SIGHUP");
      if (!hungUp) interrupt();
      hungUp = true;
    },
  };
  const entries = Object.entries(handlers) as [NodeJS.Signals, () => void][];
  for (const [signal, handler] of entries) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of entries) process.off(signal, handler);
  };
}

function onTerminal(): boolean {
  return [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY === true);
}

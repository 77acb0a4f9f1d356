/** Starts the Pulumi program under Node and turns its end into the engine's answer. */
import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Bag } from "../command/values.ts";
import { readOptions, shellWords } from "./options.ts";

/** A run of the program, as the engine requests it. */
export type ProgramRun = {
  monitor: string;
  engine: string;
  organization: string;
  project: string;
  stack: string;
  rootDirectory: string;
  programDirectory: string;
  entryPoint: string;
  args: string[];
  dryRun: boolean;
  parallel: number;
  config: Record<string, string>;
  secretKeys: string[];
  options: Bag;
};
/** How it ended: `bail` means that the error has already been reported. */
export type ProgramEnd = { error: string; bail: boolean };

/** Exit code with which the SDK says that it has shown the error itself. */
const ALREADY_REPORTED = 32;
const GRACE_MILLISECONDS = 5000;
const OUT_OF_MEMORY = "JavaScript heap out of memory";
const OUT_OF_MEMORY_ADVICE =
  "Detected a possible out of memory error. Consider increasing the memory available to the nodejs process by setting the `nodeargs` runtime option in Pulumi.yaml to `nodeargs: --max-old-space-size=<size>` where `<size>` is the maximum memory in megabytes that can be allocated to nodejs.";

/** The SDK's runner, as the program's own directory resolves it. */
export function locateRunner(programDirectory: string): string {
  try {
    return createRequire(join(programDirectory, "index.js")).resolve(
      process.env.PULUMI_LANGUAGE_NODEJS_RUN_PATH || "@pulumi/pulumi/cmd/run",
    );
  } catch {
    throw new Error("It looks like the Pulumi SDK has not been installed. Have you run pulumi install?");
  }
}

/** Arguments of the runner, in the released host's order. */
export function runnerArguments(run: ProgramRun): string[] {
  const option = (name: string, value: string): string[] => (value === "" ? [] : [`--${name}`, value]);
  return [
    ...option("monitor", run.monitor),
    ...option("engine", run.engine),
    ...option("organization", run.organization),
    ...option("project", run.project),
    ...option("root-directory", run.rootDirectory),
    ...option("stack", run.stack),
    ...option("pwd", run.programDirectory),
    ...(run.dryRun ? ["--dry-run"] : []),
    ...option("parallel", String(run.parallel)),
    run.entryPoint === "" ? "." : run.entryPoint,
    ...run.args,
  ];
}

/** Config keys as the SDK reads them: `ns:config:name`. */
export function configForSdk(config: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => {
      const colon = key.indexOf(":");
      if (colon < 0) throw new Error(`could not parse ${key} as a configuration key`);
      const name = key.slice(colon + 1).replace(/^config:/, "");
      return [`${key.slice(0, colon)}:config:${name}`, value];
    }),
  );
}

/** Runs the program; `signal` interrupts it, and kills it when it does not end in time. */
export async function runProgram(run: ProgramRun, signal: AbortSignal): Promise<ProgramEnd> {
  let child: ChildProcess;
  try {
    child = startProgram(run);
  } catch (error) {
    return { error: (error as Error).message, bail: false };
  }
  const stop = (): void => {
    child.kill("SIGINT");
    setTimeout(() => child.kill("SIGKILL"), GRACE_MILLISECONDS).unref();
  };
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  const outOfMemory = forwardOutput(child);
  const end = await new Promise<ProgramEnd>((resolve) => {
    child.once("error", (error) =>
      resolve({
        error: `Problem executing program (could not run language executor): ${error.message}`,
        bail: false,
      }),
    );
    child.once("close", (code, killedBy) => resolve(programEnd(code, killedBy, outOfMemory())));
  });
  signal.removeEventListener("abort", stop);
  return end;
}

function startProgram(run: ProgramRun): ChildProcess {
  const options = readOptions(run.options);
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    PULUMI_CONFIG: JSON.stringify(configForSdk(run.config)),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(run.secretKeys),
  };
  if (options.typescript) environment.PULUMI_NODEJS_TYPESCRIPT = "true";
  if (options.tsconfig !== "") environment.PULUMI_NODEJS_TSCONFIG_PATH = options.tsconfig;
  const args = [...shellWords(options.nodeargs), locateRunner(run.programDirectory), ...runnerArguments(run)];
  return spawn("node", args, { env: environment, stdio: ["ignore", "pipe", "pipe"] });
}

/** Passes both streams on; the returned function says whether Node reported that its heap was full. */
function forwardOutput(child: ChildProcess): () => boolean {
  let tail = "";
  let isFull = false;
  child.stdout?.on("data", (chunk: Buffer) => process.stdout.write(chunk));
  child.stderr?.on("data", (chunk: Buffer) => {
    process.stderr.write(chunk);
    tail = (tail + chunk.toString("latin1")).slice(-4096);
    isFull ||= tail.includes(OUT_OF_MEMORY);
  });
  return () => isFull;
}

function programEnd(code: number | null, killedBy: string | null, outOfMemory: boolean): ProgramEnd {
  if (code === 0) return { error: "", bail: false };
  if (code === ALREADY_REPORTED) return { error: "", bail: true };
  const status = code ?? -1; // Go gives -1 for a process that a signal ended
  const advice = outOfMemory ? `. ${OUT_OF_MEMORY_ADVICE}` : "";
  const cause = killedBy === null || outOfMemory ? "" : ` (${killedBy})`;
  return { error: `Program exited with non-zero exit code: ${status}${cause}${advice}`, bail: false };
}

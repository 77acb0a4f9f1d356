/** Hands a command of run.mjs to what carries it out; everything is loaded only when it is needed. */
import { existsSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { UserError } from "../stacks/errors.ts";
import { demandNothingTaken } from "./npm-flags.ts";

const ROOT = dirname(import.meta.dirname);

/** Programs of the project that a command runs, by command; each reads process.argv. */
const PROGRAMS: Readonly<Record<string, string>> = {
  plan: "ops/plan.ts",
  status: "ops/status.ts",
  doctor: "ops/doctor.ts",
  warm: "ops/warm.ts",
  prove: "ops/prove.ts",
  docs: "setup/dev/docs/main.ts",
  bench: "bench/main.ts",
};

/** Runs a command and resolves with its exit code. Throws UserError on a command there is not. */
export async function runCommand(args: readonly string[]): Promise<number> {
  enableCompileCache();
  const [command = "", ...rest] = args;
  demandNothingTaken(command, rest);
  switch (command) {
    case "up":
    case "preview":
    case "destroy":
    case "refresh": {
      const { runPulumi } = await import("./pulumi/run.ts");
      return await runPulumi(ROOT, [command, ...rest]);
    }
    case "pulumi": {
      const { runPulumi } = await import("./pulumi/run.ts");
      return await runPulumi(ROOT, rest);
    }
    case "test":
    case "check":
    case "format": {
      const { runTests, runCheck, runFormat } = await import("./dev/checks.ts");
      return await { test: runTests, check: runCheck, format: runFormat }[command](ROOT, rest);
    }
    default:
      return await runProgram(command, rest);
  }
}

async function runProgram(command: string, args: readonly string[]): Promise<number> {
  const file = PROGRAMS[command];
  if (file === undefined)
    throw new UserError("usage", `there is no command ${command}. Next: node setup/run.mjs --help`);
  const path = join(ROOT, file);
  if (!existsSync(path))
    throw new UserError("usage", `${command} is not part of this version: ${file} is missing`);
  process.argv = [process.execPath, path, ...args];
  await import(pathToFileURL(path).href);
  return Number(process.exitCode ?? 0);
}

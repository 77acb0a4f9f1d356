/** Hands a command of run.mjs to what carries it out; everything is loaded only when it is needed. */
import { readFileSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { type CommandDefinition, helpText, overviewText } from "../stacks/command.ts";
import { UserError } from "../stacks/errors.ts";
import { nearest } from "../stacks/issue.ts";
import { commandTable } from "./commands.ts";
import { refuseSwallowedFlags } from "./npm-flags.ts";

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

const HELP_FLAGS = ["--help", "-h"];

/** Runs a command and resolves with its exit code. @throws UserError for a command that does not exist */
export async function runCommand(args: readonly string[]): Promise<number> {
  enableCompileCache();
  const [name = "help", ...rest] = args;
  const commands = await commandTable();
  if (name === "--version") return print(`${version()}\n`);
  if (name === "help" || HELP_FLAGS.includes(name)) return print(help(commands, rest[0]));
  if (name === "complete") {
    const { printCandidates } = await import("./completion.ts");
    return printCandidates(ROOT, rest[0] === "--" ? rest.slice(1) : rest, commands);
  }
  const command = commandNamed(commands, name);
  if (asksForHelp(name, rest)) return print(helpText(command));
  refuseSwallowedFlags(name, rest, Object.keys(command.flags));
  return await run(command, rest);
}

/** Behind `pulumi`, help is Pulumi's own if a command of Pulumi's is named. */
function asksForHelp(name: string, args: readonly string[]): boolean {
  const warmboxArgs =
    name === "pulumi"
      ? args.slice(0, 1)
      : args.slice(0, args.includes("--") ? args.indexOf("--") : undefined);
  return warmboxArgs.some((arg) => HELP_FLAGS.includes(arg));
}

function help(commands: readonly CommandDefinition[], name: string | undefined): string {
  return name === undefined ? overviewText(commands) : helpText(commandNamed(commands, name));
}

function commandNamed(commands: readonly CommandDefinition[], name: string): CommandDefinition {
  const command = commands.find((candidate) => candidate.name === name);
  if (command !== undefined) return command;
  const near = nearest(
    name,
    commands.map((candidate) => candidate.name),
  );
  const next = near === undefined ? "./warmbox help" : `./warmbox ${near}, or ./warmbox help`;
  throw new UserError("usage", `there is no command ${name}. Next: ${next}`);
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function version(): string {
  return (JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string }).version;
}

async function run({ name }: CommandDefinition, args: readonly string[]): Promise<number> {
  switch (name) {
    case "up":
    case "preview":
    case "destroy":
    case "refresh":
    case "stack":
    case "config": {
      const { runPulumi } = await import("./pulumi/run.ts");
      return await runPulumi(ROOT, [name, ...args]);
    }
    case "pulumi": {
      const { runPulumi } = await import("./pulumi/run.ts");
      return await runPulumi(ROOT, args);
    }
    case "init": {
      const { runInit } = await import("./init.ts");
      return runInit(ROOT, args);
    }
    case "completion": {
      const { printScript } = await import("./completion.ts");
      return printScript(ROOT, args);
    }
    case "test":
    case "check":
    case "format": {
      const { runTests, runCheck, runFormat } = await import("./dev/checks.ts");
      return await { test: runTests, check: runCheck, format: runFormat }[name](ROOT, args);
    }
    default:
      return await runProgram(PROGRAMS[name] ?? "", args);
  }
}

async function runProgram(file: string, args: readonly string[]): Promise<number> {
  const path = join(ROOT, file);
  process.argv = [process.execPath, path, ...args];
  await import(pathToFileURL(path).href);
  return Number(process.exitCode ?? 0);
}

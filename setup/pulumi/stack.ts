/** Chooses the stack a command works on, and makes it in the backend when only its file is there. */
import { spawnSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { join, relative } from "node:path";
import { UserError } from "../../stacks/errors.ts";
import { fileBackend, type Project } from "../../stacks/project.ts";
import { DEFAULT_STACK, selectedStack } from "../../stacks/selected-stack.ts";
import {
  declarationOf,
  exampleNames,
  holdsSecureSetting,
  makeStackFile,
  readStackFile,
  stackFile,
  stackNames,
} from "../../stacks/stack-file.ts";
import type { PulumiCli } from "./cli.ts";

/** The value of --stack among a command's arguments, in any spelling Pulumi takes. */
export function namedStack(args: readonly string[]): string | undefined {
  for (const [index, arg] of args.entries()) {
    if (arg === "--") return undefined;
    if (arg === "--stack" || arg === "-s") return args[index + 1];
    const selected = /^(?:--stack=|-s=?)(.+)$/.exec(arg)?.[1];
    if (selected !== undefined) return selected;
  }
  return undefined;
}

/** Which commands may make a stack. */
const MAKING = ["up", "preview", "refresh", "config", "stack"];

/** The stack that a command works on, and how it was chosen. */
export type ChosenStack = {
  /** As it was given, which may name an organization and a project too. */
  readonly name: string;
  readonly bare: string;
  readonly isNamed: boolean;
  readonly isSelected: boolean;
};

/**
 * The stack that the command names, else the selected one, else {@link DEFAULT_STACK}; undefined if the arguments lead
 * to another folder (--cwd) or only ask for help.
 */
export function chosenStack(
  project: Project,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): ChosenStack | undefined {
  if (args.some((arg) => ["--help", "-h", "-C", "--cwd"].includes(arg) || arg.startsWith("--cwd="))) {
    return undefined;
  }
  const option = namedStack(args) ?? env.PULUMI_STACK;
  const selected = selectedStack(project, env);
  const name = option ?? selected ?? selectedStack(physical(project), env) ?? DEFAULT_STACK;
  return {
    name,
    bare: name.split("/").at(-1) ?? name,
    isNamed: option !== undefined,
    isSelected: option !== undefined || selected !== undefined,
  };
}

/** The stack of `stack select NAME`; undefined if it has no file, so that Pulumi answers. */
export function selectedByName(project: Project, args: readonly string[]): ChosenStack | undefined {
  const name = namedStack(args) ?? args.find((arg) => !arg.startsWith("-"));
  const bare = name?.split("/").at(-1);
  if (name === undefined || bare === undefined || declarationOf(project, bare) === undefined)
    return undefined;
  return { name, bare, isNamed: true, isSelected: true };
}

/** Flags that give a stack another configuration than its file's. */
const OTHER_CONFIG = /^(-c|--config|--config-file)(=|$)/;

/**
 * Refuses a wrong stack file before the engine starts, with the words of the program itself. A file that holds secrets
 * among its settings is left to the program, since only Pulumi can decrypt them.
 */
export function checkStackFile(project: Project, stack: string, args: readonly string[]): void {
  if (project.name !== "warmbox") return; // the launcher also runs in the tests' own projects
  if (args.some((arg) => OTHER_CONFIG.test(arg)) || declarationOf(project, stack) === undefined) return;
  if (!holdsSecureSetting(project, stack)) readStackFile(project, stack);
}

/** Makes sure that a stack exists, with its file; reports in a line each what it made. */
export function ensureStack(
  project: Project,
  cli: PulumiCli,
  command: string,
  { name, bare, isNamed, isSelected }: ChosenStack,
  env: NodeJS.ProcessEnv,
): void {
  if (existsInBackend(project, cli, bare, env)) {
    ensureFile(project, bare);
    if (!isSelected) pulumi(cli, ["stack", "select", name], project, env);
    return;
  }
  demandStackFile(project, bare, command);
  ensureFile(project, bare);
  pulumi(cli, ["stack", "init", name, ...(isNamed ? ["--no-select"] : [])], project, env);
  process.stderr.write(`warmbox: made the stack ${name} in ${project.backend || "the backend"}\n`);
}

/** A stack without a file gets the example of its name, if there is one. */
function ensureFile(project: Project, stack: string): void {
  if (existsSync(stackFile(project, stack)) || !exampleNames(project).includes(stack)) return;
  const file = makeStackFile(project, stack, stack);
  if (file === undefined) return;
  const [copy, example] = [file, join(project.stackDirectory, "examples", `${stack}.yaml`)].map((path) =>
    relative(project.root, path),
  );
  process.stderr.write(`warmbox: made ${copy} from ${example}; it is yours to edit\n`);
}

function demandStackFile(project: Project, name: string, command: string): void {
  const next = `Next: name one that has a file: ${stackNames(project).join(", ") || "there is none yet"}`;
  if (!MAKING.includes(command))
    throw new UserError(
      "config",
      `there is no stack ${name} in ${project.backend}: nothing to ${command}. ${next}`,
    );
  if (name === DEFAULT_STACK || declarationOf(project, name) !== undefined) return;
  throw new UserError(
    "config",
    `there is no stack ${name}: neither in ${project.backend || "the backend"} nor as ${stackFile(project, name)}. ${next}, or make one: ./warmbox init --stack ${name}`,
  );
}

/** The project under its folder's own path: a stack that was selected there counts when it is reached by a link too. */
function physical(project: Project): Project {
  return { ...project, root: realpathSync(project.root) };
}

/** A file backend is looked at directly; any other is asked through the CLI. */
function existsInBackend(project: Project, cli: PulumiCli, name: string, env: NodeJS.ProcessEnv): boolean {
  const files = fileBackend(project, env);
  if (files !== undefined) {
    return ["json", "json.gz", "json.zst"].some((suffix) =>
      existsSync(join(files, "stacks", project.name, `${name}.${suffix}`)),
    );
  }
  const listed = spawnSync(cli.path, ["stack", "ls", "--json", "--non-interactive"], {
    cwd: project.root,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (listed.status !== 0)
    throw new UserError("failed", `the stacks in ${project.backend || "the backend"} cannot be listed`);
  return (JSON.parse(listed.stdout) as { name: string }[]).some(
    (stack) => stack.name.split("/").at(-1) === name,
  );
}

function pulumi(cli: PulumiCli, args: string[], project: Project, env: NodeJS.ProcessEnv): void {
  const result = spawnSync(cli.path, [...args, "--non-interactive"], {
    cwd: project.root,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (result.status === 0) return;
  throw new UserError(
    "failed",
    `pulumi ${args.join(" ")} failed:\n${result.stdout}${result.stderr}`.trimEnd(),
  );
}

/** Chooses the stack a command works on, and makes it in the backend when only its file is there. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../stacks/errors.ts";

import { fileBackend, type Project } from "../../stacks/project.ts";
import { DEFAULT_STACK, selectedStack } from "../../stacks/selected-stack.ts";
import type { PulumiCli } from "./cli.ts";

/** The value of --stack among a command's arguments, in any spelling Pulumi takes. */
export function namedStack(args: readonly string[]): string | undefined {
  for (const [index, arg] of args.entries()) {
    if (arg === "--") return undefined;
    if (arg === "--stack" || arg === "-s") return args[index + 1];
    const found = /^(?:--stack=|-s=?)(.+)$/.exec(arg)?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Which commands may make a stack. */
const MAKING = ["up", "preview", "refresh", "config"];

/**
 * Sees to it that the stack the command names, or the selected one, exists; says in a line what it made. Returns its
 * bare name, or undefined where the arguments lead elsewhere (--cwd) or only ask for help.
 */
export function ensureStack(
  project: Project,
  cli: PulumiCli,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): string | undefined {
  if (args.some((arg) => ["--help", "-h", "-C", "--cwd"].includes(arg) || arg.startsWith("--cwd="))) {
    return undefined;
  }
  const named = namedStack(args) ?? env.PULUMI_STACK;
  const noted = selectedStack(project, env);
  const name = named ?? noted ?? selectedStack(physical(project), env) ?? DEFAULT_STACK;
  const selected = named !== undefined || noted !== undefined;
  const bare = name.split("/").at(-1) ?? name;
  if (existsInBackend(project, cli, bare, env)) {
    if (!selected) pulumi(cli, ["stack", "select", name], project, env);
    return bare;
  }
  demandStackFile(project, bare, command);
  pulumi(
    cli,
    ["stack", "init", name, ...(selected && named !== undefined ? ["--no-select"] : [])],
    project,
    env,
  );
  process.stderr.write(`warmbox: made the stack ${name} in ${project.backend || "the backend"}\n`);
  return bare;
}

function demandStackFile(project: Project, name: string, command: string): void {
  if (!MAKING.includes(command)) {
    throw new UserError(
      "config",
      `there is no stack ${name} in ${project.backend}: nothing to ${command}. ${known(project)}`,
    );
  }
  if (name === DEFAULT_STACK || existsSync(join(project.stackDirectory, `Pulumi.${name}.yaml`))) return;
  throw new UserError(
    "config",
    `there is no stack ${name}: neither in ${project.backend || "the backend"} nor as ${join(project.stackDirectory, `Pulumi.${name}.yaml`)}. ${known(project)}`,
  );
}

function known(project: Project): string {
  const names = existsSync(project.stackDirectory)
    ? readdirSync(project.stackDirectory).flatMap((file) => /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1] ?? [])
    : [];
  return `Next: name one that has a file: ${names.join(", ") || "there is none yet"}`;
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
  const done = spawnSync(cli.path, [...args, "--non-interactive"], {
    cwd: project.root,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (done.status === 0) return;
  throw new UserError("failed", `pulumi ${args.join(" ")} failed:\n${done.stdout}${done.stderr}`.trimEnd());
}

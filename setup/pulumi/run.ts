/** `./warmbox up`, `preview`, `destroy` and `pulumi`: Pulumi itself, after what it needs is made present. */
import { homedir, userInfo } from "node:os";
import { delimiter, dirname, join } from "node:path";
import {
  expandedBackend,
  type Project,
  pulumiHome,
  readProject,
  spelledFolder,
} from "../../stacks/project.ts";
import { cacheDirectory } from "../../tools/base.mjs";
import { inForeground } from "../foreground.ts";
import { refuseSwallowedFlags } from "../npm-flags.ts";
import { ensureCommandPlugin } from "../plugins/install.ts";
import { PLUGINS_VARIABLE } from "../plugins/launcher.ts";
import { findPulumi, type PulumiCli } from "./cli.ts";
import { pulumiFlags, refuseUnknownFlags } from "./flags.ts";
import { clearInterrupted } from "./interrupted.ts";
import { passphraseVariables } from "./passphrase.ts";
import { type ChosenStack, checkStackFile, chosenStack, ensureStack, selectedByName } from "./stack.ts";
import { keepingFile, REMOVE_CONFIG, withKeptFile } from "./stack-file-kept.ts";

/** Commands that work on a stack, so that it is chosen or made before. */
const ON_A_STACK = ["up", "update", "preview", "pre", "destroy", "down", "refresh"];
/** It works on a stack too, and a stack that has only its file yet has no place for a secret. */
const CONFIG = "config";
/** Of these, the ones that run the project's program, which reads the stack's file. */
const RUNNING_THE_PROGRAM = ["up", "update", "preview", "pre"];
/** Of these, the ones that ask before they change something. */
const ASKING = ["up", "update", "destroy", "down", "refresh"];
const ALIASES: Readonly<Record<string, string>> = { update: "up", pre: "preview", down: "destroy" };

/** Runs one Pulumi command in the project at `root` and resolves with its exit code. */
export async function runPulumi(
  root: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<number> {
  const folder = spelledFolder(root, env);
  const variables: NodeJS.ProcessEnv = { ...env, ...quietVariables(env), PWD: folder };
  const project = readProject(folder, variables);
  Object.assign(variables, homeVariables(project, variables));
  const [command = "", ...rest] = args;
  const asksForHelp = rest.some((arg) => arg === "--help" || arg === "-h");
  const stack = stackOf(project, args, variables);
  if (stack !== undefined && RUNNING_THE_PROGRAM.includes(command)) checkStackFile(project, stack.bare, rest);
  const cli = await findPulumi(variables);
  if (!asksForHelp) {
    checkFlags(cli, args, variables);
    await ensureCommandPlugin(cli, variables);
    Object.assign(variables, passphraseVariables(project, variables));
  }
  if (stack !== undefined) {
    ensureStack(project, cli, ALIASES[command] ?? command, stack, variables);
    if (ON_A_STACK.includes(command))
      clearInterrupted({ project, stack: stack.bare, cli: cli.path, env: variables });
  }
  const argv = withoutQuestions(withLazyPlugins(withKeptFile(args)), isInteractive(variables));
  const run = () => inForeground([cli.path, ...argv], { cwd: folder, env: variables, hangUp: "interrupt" });
  return await (stack === undefined ? run() : keepingFile(project, stack.bare, args, run));
}

/** The stack that a command works on or selects, so that it is made before if only its file is there. */
function stackOf(
  project: Project,
  [command = "", ...rest]: readonly string[],
  env: NodeJS.ProcessEnv,
): ChosenStack | undefined {
  if (ON_A_STACK.includes(command) || command === CONFIG) return chosenStack(project, rest, env);
  return command === "stack" && rest[0] === "select" ? selectedByName(project, rest.slice(1)) : undefined;
}

/** Flags of the command that npm kept, or that the command does not have. */
function checkFlags(cli: PulumiCli, args: readonly string[], env: NodeJS.ProcessEnv): void {
  const [command = "", ...rest] = args;
  const isOnStack = ON_A_STACK.includes(command);
  if (!isOnStack && env.npm_lifecycle_event === undefined) return; // Pulumi refuses unknown flags of these itself
  const firstFlag = args.findIndex((arg) => arg.startsWith("-"));
  const commandPath = args.slice(0, Math.min(isOnStack ? 1 : 2, firstFlag < 0 ? args.length : firstFlag));
  const flags = pulumiFlags(cli, commandPath, env);
  if (env.npm_lifecycle_event === "pulumi") refuseSwallowedFlags("pulumi", args, flags, env);
  else refuseSwallowedFlags(command, rest, flags, env);
  if (isOnStack)
    refuseUnknownFlags(command, rest, flags.includes("remove") ? [...flags, REMOVE_CONFIG] : flags);
}

/** Pulumi's own notion: a terminal on both ends, and no CI. */
function isInteractive(env: NodeJS.ProcessEnv): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true && !env.CI;
}

/**
 * Plugins are fetched by the first resource that needs one: most stacks never touch @pulumi/aws, whose plugin is
 * hundreds of MB, but both language hosts report it to the engine since package.json lists it.
 */
const LAZY_PLUGINS = "--skip-plugin-pre-install";

function withLazyPlugins(args: readonly string[]): string[] {
  const [command = "", ...rest] = args;
  const on = ON_A_STACK.includes(command) && !rest.some((arg) => arg.startsWith(LAZY_PLUGINS));
  return on ? [command, LAZY_PLUGINS, ...rest] : [...args];
}

/** The arguments with the flags that keep Pulumi from asking if no user can answer; given flags stay as they are. */
export function withoutQuestions(args: readonly string[], interactive: boolean): string[] {
  if (interactive || args.length === 0) return [...args];
  const has = (...flags: string[]): boolean =>
    args.some((arg) => flags.some((flag) => arg === flag || arg.startsWith(`${flag}=`)));
  const extra = has("--non-interactive", "--help", "-h") ? [] : ["--non-interactive"];
  const asks = ASKING.includes(args[0] ?? "") && !has("--yes", "-y", "--preview-only", "--help", "-h");
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  return [...args.slice(0, end), ...(asks ? ["--yes"] : []), ...extra, ...args.slice(end)];
}

/**
 * HOME as everything else here understands it: the CLI itself asks the password file and not HOME, so that with
 * another HOME its state would go to the account's real home directory. Where the two agree nothing is set,
 * because Pulumi notes the selected stack under the URL's very text and a plain `pulumi` has to find it there.
 */
function homeVariables(project: Project, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if ((env.HOME || homedir()) === accountHome()) return {};
  const backend = expandedBackend(project.backend, env);
  return { PULUMI_HOME: pulumiHome(env), ...(backend === "" ? {} : { PULUMI_BACKEND_URL: backend }) };
}

/** The home directory of the password file; undefined for a uid that has no entry there, as in some containers. */
function accountHome(): string | undefined {
  try {
    return userInfo().homedir;
  } catch {
    return undefined;
  }
}

/** Operations at once. Pulumi's default of 4 per core is for work on this machine; warmbox's operations wait for hosts, and no host should wait for another. */
const PARALLEL = "64";

/**
 * No update nagging; one host's failure does not stop the work on the others, which ends non-zero all the same;
 * and compiled code kept between runs, which saves a third of a program's start.
 */
function quietVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    PATH: [dirname(process.execPath), env.PATH].filter(Boolean).join(delimiter),
    PULUMI_CONTINUE_ON_ERROR: env.PULUMI_CONTINUE_ON_ERROR ?? "true",
    [PLUGINS_VARIABLE]: join(dirname(import.meta.dirname), "plugins"),
    PULUMI_PARALLEL: env.PULUMI_PARALLEL ?? PARALLEL,
    PULUMI_SKIP_UPDATE_CHECK: env.PULUMI_SKIP_UPDATE_CHECK ?? "true",
    NODE_COMPILE_CACHE: env.NODE_COMPILE_CACHE ?? join(cacheDirectory(env), "node-compile-cache"),
  };
}

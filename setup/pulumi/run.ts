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
import { ensureCommandPlugin } from "../plugins/install.ts";
import { PLUGINS_VARIABLE } from "../plugins/launcher.ts";
import { findPulumi } from "./cli.ts";
import { clearInterrupted } from "./interrupted.ts";
import { passphraseVariables } from "./passphrase.ts";
import { checkStackFile, chosenStack, ensureStack } from "./stack.ts";

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
  const command = args[0] ?? "";
  const stack = isOnStack(command) ? chosenStack(project, args.slice(1), variables) : undefined;
  if (stack !== undefined && RUNNING_THE_PROGRAM.includes(command))
    checkStackFile(project, stack.bare, args.slice(1));
  const cli = await findPulumi(variables);
  await ensureCommandPlugin(cli, variables);
  Object.assign(variables, passphraseVariables(project, variables));
  if (stack !== undefined) {
    ensureStack(project, cli, ALIASES[command] ?? command, stack, variables);
    if (command !== CONFIG) clearInterrupted({ project, stack: stack.bare, cli: cli.path, env: variables });
  }
  const argv = withoutQuestions(withLazyPlugins(args), isInteractive(variables));
  return await inForeground([cli.path, ...argv], { cwd: folder, env: variables, hangUp: "interrupt" });
}

const isOnStack = (command: string): boolean => ON_A_STACK.includes(command) || command === CONFIG;

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

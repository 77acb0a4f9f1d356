import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { parse as parseYaml } from "yaml";
import { readStack } from "../stacks/config.ts";
import { exitCodeOf, UserError } from "../stacks/errors.ts";
import { readProject } from "../stacks/project.ts";
import { DEFAULT_STACK, selectedStack } from "../stacks/selected-stack.ts";
import type { HostConfig, StackConfig } from "../stacks/types.ts";

/** A wrong flag or a stack that is not there: the message is complete, and no trace helps. */
export class UsageError extends UserError {
  constructor(message: string) {
    super("usage", message);
  }
}

/** A stack as its file declares it, with the hosts that a command is to look at. */
export type StackHosts = {
  /** The stack's name. */
  stack: string;
  /** The whole stack, all hosts. */
  config: StackConfig;
  /** The hosts that were asked for, in the file's order. */
  hosts: readonly { readonly name: string; readonly host: HostConfig }[];
};

/** Flags that every command on hosts takes. */
export type HostFlags = { stack?: string | undefined; host?: string | undefined };

const ROOT = dirname(import.meta.dirname);

/**
 * Reads a stack's file, without running Pulumi: `--stack`, else `PULUMI_STACK`, else the selected stack, else `local`.
 *
 * @throws UsageError where there is no such file or host
 * @throws ConfigError with every fault of the file
 */
export async function stackHosts(
  flags: HostFlags,
  env: NodeJS.ProcessEnv = process.env,
): Promise<StackHosts> {
  const project = readProject(ROOT, env);
  const stack = flags.stack ?? env.PULUMI_STACK ?? selectedStack(project, env) ?? DEFAULT_STACK;
  const file = join(project.stackDirectory, `Pulumi.${stack}.yaml`);
  const text = await readFile(file, "utf8").catch(() => {
    throw new UsageError(`the stack ${stack} has no file ${file}; next: name one that has with --stack NAME`);
  });
  const config = parseStackFile(text);
  return { stack, config, hosts: chosen(config, stack, flags.host) };
}

/** The stack in the text of its file. @throws ConfigError with every fault */
export function parseStackFile(text: string): StackConfig {
  const { config = {} } = (parseYaml(text) ?? {}) as { config?: Record<string, unknown> };
  const keys = Object.keys(config).filter((key) => key.startsWith(PREFIX));
  return readStack(
    (key) => config[PREFIX + key],
    keys.map((key) => key.slice(PREFIX.length)),
  );
}

const PREFIX = "warmbox:";

function chosen(config: StackConfig, stack: string, only: string | undefined): StackHosts["hosts"] {
  const all = Object.entries(config.hosts).map(([name, host]) => ({ name, host }));
  if (only === undefined) return all;
  const found = all.filter(({ name }) => name === only);
  if (found.length > 0) return found;
  const known = all.map(({ name }) => name).join(", ");
  throw new UsageError(`--host ${only}: the stack ${stack} has ${known}; next: name one of them`);
}

/** Reads a command's flags. @throws UsageError naming the flag and where all are listed */
export function readFlags<const O extends NonNullable<ParseArgsConfig["options"]>>(
  command: string,
  args: string[],
  options: O,
) {
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    const [what = ""] = (error as Error).message.split(". ");
    throw new UsageError(`${what}; next: \`npm run ${command} -- --help\` lists the flags`);
  }
}

/** Where a command writes: results, and what goes wrong. */
export type Out = { write: (text: string) => void; complain: (text: string) => void };

/**
 * Runs a command of `ops/` on this process's arguments and streams and sets its exit code: the command's own,
 * 2 for a wrong flag, 1 for anything else that it throws.
 */
export async function runOp(
  command: string,
  run: (args: string[], out: Out) => Promise<number>,
): Promise<void> {
  const out: Out = {
    write: (text) => void process.stdout.write(text),
    complain: (text) => void process.stderr.write(text),
  };
  process.exitCode = await run(process.argv.slice(2), out).catch((error: Error) => {
    out.complain(`${command}: ${error.message}\n`);
    return exitCodeOf(error);
  });
}

/** Runs `look` on every host at once; a host that fails is a result of its own, so that the others still show. */
export async function onEveryHost<T>(
  hosts: StackHosts["hosts"],
  look: (name: string, host: HostConfig) => Promise<T>,
): Promise<HostResult<T>[]> {
  return await Promise.all(
    hosts.map(async ({ name, host }) => {
      try {
        return { name, host, value: await look(name, host) };
      } catch (error) {
        return { name, host, fault: (error as Error).message };
      }
    }),
  );
}

/** Nobody waits this long without a word, milliseconds. */
const PATIENCE_MS = 2_000;

/** Says whom it waits for where that takes longer than {@link PATIENCE_MS}. */
export async function patiently<T>(hosts: StackHosts["hosts"], out: Out, work: Promise<T>): Promise<T> {
  const names = hosts.map(({ name }) => name).join(", ");
  const word = setTimeout(() => out.complain(`asking ${names} …\n`), PATIENCE_MS);
  try {
    return await work;
  } finally {
    clearTimeout(word);
  }
}

/** What a host answered, or why it did not. */
export type HostResult<T> =
  | { readonly name: string; readonly host: HostConfig; readonly value: T }
  | { readonly name: string; readonly host: HostConfig; readonly fault: string };

import { dirname } from "node:path";
import { UserError } from "../stacks/errors.ts";
import { readProject } from "../stacks/project.ts";
import { DEFAULT_STACK, selectedStack } from "../stacks/selected-stack.ts";
import { readStackFile } from "../stacks/stack-file.ts";
import type { HostConfig, StackConfig } from "../stacks/types.ts";

/** A stack as its file declares it, with the hosts that the flags select. */
export type StackHosts = {
  /** The stack's name. */
  readonly stack: string;
  /** The whole stack, all hosts. */
  readonly config: StackConfig;
  /** The selected hosts, in the file's order. */
  readonly hosts: readonly { readonly name: string; readonly host: HostConfig }[];
};

/** Flags that every command on hosts takes. */
export type HostFlags = { stack?: string | undefined; host?: string | undefined };

const ROOT = dirname(import.meta.dirname);

/**
 * Reads a stack's file, without running Pulumi: `--stack`, else `PULUMI_STACK`, else the selected stack, else `local`.
 *
 * @throws UserError where there is no such file or host
 * @throws ConfigError with every issue of the file
 */
export async function stackHosts(
  flags: HostFlags,
  env: NodeJS.ProcessEnv = process.env,
): Promise<StackHosts> {
  const project = readProject(ROOT, env);
  const stack = flags.stack ?? env.PULUMI_STACK ?? selectedStack(project, env) ?? DEFAULT_STACK;
  const config = readStackFile(project, stack);
  return { stack, config, hosts: selectedHosts(config, stack, flags.host) };
}

function selectedHosts(config: StackConfig, stack: string, only: string | undefined): StackHosts["hosts"] {
  const hosts = Object.entries(config.hosts).map(([name, host]) => ({ name, host }));
  if (only === undefined) return hosts;
  const selection = hosts.filter(({ name }) => name === only);
  if (selection.length > 0) return selection;
  const names = hosts.map(({ name }) => name).join(", ");
  throw new UserError("usage", `--host ${only}: the stack ${stack} has ${names}; next: name one of them`);
}

/** Runs `work` on every host at once. A host that fails is a result with an error, so that the others still show. */
export async function onEveryHost<T>(
  hosts: StackHosts["hosts"],
  work: (name: string, host: HostConfig) => Promise<T>,
): Promise<HostResult<T>[]> {
  return await Promise.all(
    hosts.map(async ({ name, host }) => {
      try {
        return { name, host, value: await work(name, host) };
      } catch (error) {
        return { name, host, error: (error as Error).message };
      }
    }),
  );
}

/** What a host answered, or why it did not. */
export type HostResult<T> =
  | { readonly name: string; readonly host: HostConfig; readonly value: T }
  | { readonly name: string; readonly host: HostConfig; readonly error: string };

import {
  type CommandDefinition,
  type FlagDefinitions,
  type FlagValues,
  helpText,
  readFlags,
} from "../stacks/command.ts";
import { exitCodeOf } from "../stacks/errors.ts";
import type { HostConfig } from "../stacks/types.ts";
import { type ProgressStream, startProgress } from "../tools/progress.ts";
import { type Layout, layoutOf } from "./layout.ts";
import { type HostFlags, type HostResult, onEveryHost, type StackHosts, stackHosts } from "./stack-hosts.ts";

/** Where a command writes: results to stdout; progress and errors to stderr. */
export type Out = { readonly stdout: ProgressStream; readonly stderr: ProgressStream };

/** A command as a function of its arguments; resolves with its exit code. */
export type Main = (args: readonly string[], out: Out) => Promise<number>;

/** A command: reads its flags, answers `--help`, runs. */
export function command<const F extends FlagDefinitions>(
  definition: CommandDefinition<F>,
  run: (flags: FlagValues<F>, out: Out) => Promise<number>,
): Main {
  return async (args, out) => {
    const flags = readFlags(definition, args);
    if (flags.help !== true) return await run(flags, out);
    out.stdout.write(helpText(definition));
    return 0;
  };
}

/** What a command knows beside the host that it works on. */
export type Request<F extends FlagDefinitions> = StackHosts & {
  readonly flags: FlagValues<F>;
  /** Where progress is written; with `--json` nowhere. */
  readonly progress: ProgressStream;
};

/** The work of a command on hosts. */
export type HostsWork<F extends FlagDefinitions, T> = {
  /** Works on one host; all hosts of the stack are worked on at the same time. */
  readonly run: (name: string, host: HostConfig, request: Request<F>) => Promise<T>;
  /** The report for people. */
  readonly text: (results: readonly HostResult<T>[], layout: Layout) => string;
  /** Whether the exit code may be 0. */
  readonly isGood: (value: T) => boolean;
  /** `run` writes its own progress. */
  readonly hasProgress?: boolean;
};

/** A command that does the same on every host: one report, one JSON envelope, exit code 1 if a host is not good. */
export function hostsCommand<const F extends FlagDefinitions, T extends object>(
  definition: CommandDefinition<F>,
  { run, text, isGood, hasProgress = false }: HostsWork<F, T>,
): Main {
  return command(definition, async (flags, out) => {
    const { json } = flags as { json?: boolean };
    const stack = await stackHosts(flags as HostFlags);
    const progress = json ? SILENT : out.stderr;
    const request = { ...stack, flags, progress };
    const work = onEveryHost(stack.hosts, (name, host) => run(name, host, request));
    const results = await (hasProgress ? work : withProgress(stack.hosts, progress, work));
    out.stdout.write(
      json ? envelope(definition.name, stack.stack, results) : text(results, layoutOf(out.stdout)),
    );
    return results.every((result) => "value" in result && isGood(result.value)) ? 0 : 1;
  });
}

/** A stream that drops everything. */
export const SILENT: ProgressStream = { write: () => true };

/** Shows which hosts a command waits for. */
export async function withProgress<T>(
  hosts: StackHosts["hosts"],
  stream: ProgressStream,
  work: Promise<T>,
): Promise<T> {
  const progress = startProgress(`waiting for ${hosts.map(({ name }) => name).join(", ")}`, stream);
  return await work.finally(() => progress.end());
}

/** What a host answered, or why it did not. */
export type HostOutcome<T> =
  | { readonly name: string; readonly value: T }
  | { readonly name: string; readonly error: string };

/** Version of the data below `hosts`, for every command alike. */
const SCHEMA_VERSION = 1;

/**
 * The one shape of `--json`: `{schema, stack, hosts}`. A host that does not answer has `error` and nothing else.
 *
 * @param indent spaces per level; 0 makes it one line, for streams of documents
 */
export function envelope<T extends object>(
  command: string,
  stack: string | null,
  results: readonly HostOutcome<T>[],
  indent = 2,
): string {
  const hosts = Object.fromEntries(
    results.map((result) => [result.name, "error" in result ? { error: result.error } : result.value]),
  );
  const document = { schema: `warmbox.${command}.v${SCHEMA_VERSION}`, stack, hosts };
  return `${JSON.stringify(document, null, indent)}\n`;
}

/** Runs a command to its exit code: the command's own, 2 for a wrong flag, 1 for any other error. */
export async function execute(name: string, main: Main, args: readonly string[], out: Out): Promise<number> {
  return await main(args, out).catch((error: Error) => {
    out.stderr.write(`${name}: ${error.message}\n`);
    return exitCodeOf(error);
  });
}

/** Runs a command on this process's arguments and streams, and sets the exit code. */
export async function runMain(name: string, main: Main): Promise<void> {
  process.exitCode = await execute(name, main, process.argv.slice(2), process);
}

import { parseArgs } from "node:util";
import { UserError } from "./errors.ts";
import { nearest } from "./issue.ts";

/** A flag of a command, as `--help` shows it and as completion offers it. */
export type FlagDefinition = {
  readonly type: "string" | "boolean";
  readonly summary: string;
  /** One letter that may be written instead, after one hyphen. */
  readonly short?: string;
  /** Placeholder of the value, such as `NAME`; only for strings. */
  readonly value?: string;
  /** The value of a flag that is given without one; only for strings. */
  readonly implied?: string;
};

/** Flags by their names, without the two hyphens. */
export type FlagDefinitions = Readonly<Record<string, FlagDefinition>>;

/** What a command is. Every command of `./warmbox` has one, so that help and completion come from one table. */
export type CommandDefinition<F extends FlagDefinitions = FlagDefinitions> = {
  readonly name: string;
  /** One sentence, for the list of all commands and the first line of the command's help. */
  readonly summary: string;
  /** What is written after the name beside flags, such as `[EXAMPLE]`. */
  readonly arguments?: string;
  /** All flags but `--help`, in the order in which help lists them. */
  readonly flags: F;
  /** Command lines, each with what it does. */
  readonly examples: readonly (readonly [line: string, purpose: string])[];
  /** What flags and examples do not say: exit codes, what is changed and what is not. */
  readonly details?: string;
};

/** Values of flags as `node:util` reads them. */
export type FlagValues<F extends FlagDefinitions> = {
  readonly [K in keyof F]?: F[K]["type"] extends "boolean" ? boolean : string;
} & { readonly help?: boolean };

const HELP: FlagDefinition = { type: "boolean", short: "h", summary: "this text" };

/** The text of `--help`. Pure. */
export function helpText({
  name,
  summary,
  arguments: argumentText = "",
  flags,
  examples,
  details,
}: CommandDefinition): string {
  const rows = Object.entries({ ...flags, help: HELP }).map(([flag, definition]): [string, string] => [
    `${definition.short === undefined ? "    " : `-${definition.short}, `}--${flag}${placeholder(definition)}`,
    definition.summary,
  ]);
  return [
    `${`./warmbox ${name} ${argumentText}`.trimEnd()}: ${summary}`,
    aligned(examples),
    aligned(rows),
    ...(details === undefined ? [] : [details]),
  ]
    .join("\n\n")
    .concat("\n");
}

function placeholder({ value, implied }: FlagDefinition): string {
  if (value === undefined) return "";
  return implied === undefined ? ` ${value}` : ` [${value}]`;
}

function aligned(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([term]) => term.length));
  return rows.map(([term, description]) => `  ${term.padEnd(width)}  ${description}`.trimEnd()).join("\n");
}

/** The list of all commands. Pure. */
export function overviewText(commands: readonly CommandDefinition[]): string {
  return `./warmbox COMMAND [flags]: turns machines into warm Rust build boxes.

${aligned(commands.map(({ name, summary }) => [name, summary]))}

\`./warmbox COMMAND --help\` shows flags and examples; \`./warmbox completion bash\` completes both in your shell.
The first run installs what is missing and says so. It may be interrupted and repeated at any time.
`;
}

/** Reads a command's flags. @throws UserError naming the wrong flag and the command that lists all */
export function readFlags<const F extends FlagDefinitions>(
  { name, flags }: Pick<CommandDefinition<F>, "name" | "flags">,
  args: readonly string[],
): FlagValues<F> {
  const options = { ...flags, help: HELP };
  try {
    return parseArgs({ args: withImplied(flags, args), options }).values as FlagValues<F>;
  } catch (error) {
    const [problem = ""] = (error as Error).message.split(". ");
    const flag = /^Unknown option '--([^']+)'/.exec(problem)?.[1];
    throw wrongFlag(name, problem, flag === undefined ? undefined : { flag, flags: Object.keys(options) });
  }
}

/** The error for a wrong flag of a command; for an unknown flag it names the nearest of `flags`. */
export function wrongFlag(
  command: string,
  problem: string,
  unknown?: { readonly flag: string; readonly flags: readonly string[] },
): UserError {
  const candidate = unknown === undefined ? undefined : nearest(unknown.flag, unknown.flags);
  const next = candidate === undefined ? "" : `write --${candidate}; `;
  return new UserError("usage", `${problem}; next: ${next}\`./warmbox ${command} --help\` lists the flags`);
}

/** parseArgs knows no flag whose value may be left out, so the implied value is written after it. */
function withImplied(flags: FlagDefinitions, args: readonly string[]): string[] {
  return args.flatMap((arg, index) => {
    const implied = arg.startsWith("--") ? flags[arg.slice(2)]?.implied : undefined;
    const next = args[index + 1];
    return implied !== undefined && (next === undefined || next.startsWith("-"))
      ? [`${arg}=${implied}`]
      : [arg];
  });
}

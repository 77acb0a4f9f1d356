/**
 * Completion of commands, flags and the names of stacks, hosts and examples. The scripts for bash, zsh and fish ask
 * `warmbox complete -- WORDS`, which prints a candidate a line, with a tab before its description.
 */
import { join } from "node:path";
import type { CommandDefinition } from "../stacks/command.ts";
import { UserError } from "../stacks/errors.ts";
import { readProject } from "../stacks/project.ts";
import { DEFAULT_STACK, selectedStack } from "../stacks/selected-stack.ts";
import { shellWord } from "../stacks/shell.ts";
import { exampleNames, readStackFile, stackNames } from "../stacks/stack-file.ts";

/** A text that the last word may become. */
export type Candidate = readonly [text: string, summary?: string];

/** Names that only the folder knows. */
export type Names = {
  readonly stacks: () => readonly string[];
  readonly hosts: (stack: string | undefined) => readonly string[];
  readonly examples: () => readonly string[];
};

const SCRIPTS: Readonly<Record<string, (program: string) => string>> = {
  // Words are passed on as they are: nothing that was typed is evaluated.
  bash: (program) => `_warmbox() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(${program} complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _warmbox warmbox
`,
  zsh: (program) => `#compdef warmbox
_warmbox() {
  local -a candidates
  candidates=("\${(@f)$(${program} complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null | sed 's/:/\\\\:/g; s/\\t/:/')}")
  _describe warmbox candidates || _files
}
compdef _warmbox warmbox
`,
  fish: (
    program,
  ) => `complete -c warmbox -f -a '(${program.replaceAll("'", "\\'")} complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
};

/** Subcommands of `stack` and `config`, and whether a stack's name follows. */
const SUBCOMMANDS: Readonly<Record<string, readonly string[]>> = {
  stack: ["ls", "select", "rm", "output", "history", "rename"],
  config: ["get", "set", "rm"],
};
const NAMING_A_STACK = ["select", "rm"];

/** Prints the script that a shell sources. @throws UserError for another shell */
export function printScript(root: string, [shell = ""]: readonly string[]): number {
  const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
  if (script === undefined)
    throw new UserError(
      "usage",
      `completion: expected a shell: ${Object.keys(SCRIPTS).join(", ")}. Next: ./warmbox completion bash`,
    );
  process.stdout.write(script(shellWord(join(root, "warmbox"))));
  return 0;
}

/** Prints what the last argument may become. */
export function printCandidates(
  root: string,
  args: readonly string[],
  commands: readonly CommandDefinition[],
): number {
  const lines = candidates(args, commands, namesOf(root)).map((candidate) => `${candidate.join("\t")}\n`);
  process.stdout.write(lines.join(""));
  return 0;
}

/** What the last argument may become; candidates that do not begin like it are left out here. Pure but for `names`. */
export function candidates(
  args: readonly string[],
  commands: readonly CommandDefinition[],
  names: Names,
): Candidate[] {
  const current = args.at(-1) ?? "";
  return unfiltered(args, commands, names).filter(([text]) => text.startsWith(current));
}

function unfiltered(
  args: readonly string[],
  commands: readonly CommandDefinition[],
  names: Names,
): Candidate[] {
  const list = [...commands.map(({ name, summary }): Candidate => [name, summary])];
  if (args.length <= 1) return [...list, ["help", "Shows all commands, or flags and examples of one."]];
  const command = commands.find(({ name }) => name === args[0]);
  const flags = Object.entries(command?.flags ?? {});
  const previous = args.at(-2) ?? "";
  const [flag, definition] =
    flags.find(([name, { short }]) => previous === `--${name}` || previous === `-${short}`) ?? [];
  if (definition?.type === "string" && definition.implied === undefined) return valuesOf(flag, args, names);
  if (!args.at(-1)?.startsWith("-")) return argumentsOf(args, list, names);
  return [
    ...flags.map(([name, { summary }]): Candidate => [`--${name}`, summary]),
    ...(command === undefined ? [] : [["--help", "flags and examples"] as const]),
  ];
}

function valuesOf(flag: string | undefined, args: readonly string[], names: Names): Candidate[] {
  const flagIndex = args.indexOf("--stack");
  const list =
    flag === "stack"
      ? names.stacks()
      : flag === "host"
        ? names.hosts(flagIndex < 0 ? undefined : args[flagIndex + 1])
        : flag === "project"
          ? ["light", "heavy"]
          : [];
  return list.map((name) => [name]);
}

function argumentsOf(args: readonly string[], commands: Candidate[], names: Names): Candidate[] {
  const [name = "", first = ""] = args;
  if (args.length === 3 && name === "stack" && NAMING_A_STACK.includes(first))
    return names.stacks().map((stack) => [stack]);
  if (args.length !== 2) return [];
  if (name === "help") return commands;
  const list =
    name === "init"
      ? names.examples()
      : name === "completion"
        ? Object.keys(SCRIPTS)
        : Object.hasOwn(SUBCOMMANDS, name)
          ? (SUBCOMMANDS[name] ?? [])
          : [];
  return list.map((text) => [text]);
}

function namesOf(root: string): Names {
  const project = readProject(root);
  return {
    stacks: () => stackNames(project),
    examples: () => exampleNames(project),
    hosts: (stack) => {
      try {
        return Object.keys(readStackFile(project, stack ?? selectedStack(project) ?? DEFAULT_STACK).hosts);
      } catch {
        return []; // a file that cannot be read has no hosts to offer
      }
    },
  };
}

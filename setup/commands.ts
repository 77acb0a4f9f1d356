/**
 * The table of all commands: help, completion and the check of flags are made from it. Loaded at every start, so it
 * imports no library.
 */
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { CommandDefinition, FlagDefinition } from "../stacks/command.ts";

const STACK = {
  type: "string",
  short: "s",
  value: "NAME",
  summary: "another stack than the selected one",
} as const satisfies FlagDefinition;

const DIFF: FlagDefinition = { type: "boolean", summary: "show each changed line of each file" };
const YES: FlagDefinition = { type: "boolean", short: "y", summary: "do not ask" };
const TARGET: FlagDefinition = {
  type: "string",
  short: "t",
  value: "URN",
  summary: "only this resource; may be repeated",
};
const PREVIEW_ONLY: FlagDefinition = { type: "boolean", summary: "show what would be done, and do nothing" };

const passedOn = (command: string): string =>
  `All other flags of \`pulumi ${command}\` are passed on; \`./warmbox pulumi ${command} --help\` lists them.`;

const UP: CommandDefinition = {
  name: "up",
  summary: "Sets the hosts of a stack up, or updates them; on a terminal it shows a preview and asks first.",
  flags: {
    stack: STACK,
    yes: YES,
    diff: DIFF,
    target: TARGET,
    refresh: { type: "boolean", short: "r", summary: "first read from the hosts what is there" },
    "skip-preview": { type: "boolean", short: "f", summary: "do not show a preview first" },
    "expect-no-changes": { type: "boolean", summary: "fail if anything changes" },
  },
  examples: [
    ["./warmbox up", "the selected stack, at first `local`: this machine"],
    ["./warmbox up --stack s3", "the stack s3, which is made from its example if it has no file"],
    ["./warmbox up --diff", "with each changed line"],
  ],
  details: `A stack without a file gets the example of its name: stacks/Pulumi.NAME.yaml, for you to edit.
A run that was interrupted is simply run again. ${passedOn("up")}`,
};

const PREVIEW: CommandDefinition = {
  name: "preview",
  summary: "Shows what `up` would change, and changes nothing.",
  flags: {
    stack: STACK,
    diff: DIFF,
    target: TARGET,
    "expect-no-changes": { type: "boolean", summary: "fail if anything would change" },
    json: { type: "boolean", short: "j", summary: "the steps as data" },
  },
  examples: [
    ["./warmbox preview", "a line per resource"],
    ["./warmbox preview --diff --stack s3", "each changed line of another stack"],
  ],
  details: passedOn("preview"),
};

const DESTROY: CommandDefinition = {
  name: "destroy",
  summary: "Removes from the hosts what `up` made; the caches' contents stay unless the stack says `purge`.",
  flags: {
    stack: STACK,
    yes: YES,
    "preview-only": PREVIEW_ONLY,
    diff: DIFF,
    target: TARGET,
    remove: {
      type: "boolean",
      summary: "afterwards also remove the stack from the backend; its file stays unless --remove-config",
    },
    "remove-config": { type: "boolean", summary: "with --remove: delete stacks/Pulumi.NAME.yaml, too" },
  },
  examples: [
    ["./warmbox destroy --preview-only", "what would be removed"],
    ["./warmbox destroy", "remove it; on a terminal it asks first"],
  ],
  details: passedOn("destroy"),
};

const REFRESH: CommandDefinition = {
  name: "refresh",
  summary: "Reads from the hosts what is there, so that the next preview shows what differs.",
  flags: { stack: STACK, yes: YES, "preview-only": PREVIEW_ONLY, diff: DIFF, target: TARGET },
  examples: [["./warmbox refresh --preview-only", "what differs from the last `up`"]],
  details: passedOn("refresh"),
};

const INIT: CommandDefinition = {
  name: "init",
  summary: "Makes the file of a stack, stacks/Pulumi.NAME.yaml, from an example.",
  arguments: "[EXAMPLE]",
  flags: { stack: { ...STACK, summary: "name of the stack; default: the example's" } },
  examples: [
    ["./warmbox init", "stacks/Pulumi.local.yaml, for this machine"],
    ["./warmbox init fleet --stack forge", "stacks/Pulumi.forge.yaml, for hosts over SSH"],
  ],
  details: `The examples are stacks/examples/: local (this machine), s3 (the same with S3 behind it), fleet (hosts over SSH).
A file that is there is never overwritten. Your files are ignored by git.`,
};

const STACK_COMMAND: CommandDefinition = {
  name: "stack",
  summary: "Lists, selects and removes stacks: `pulumi stack`.",
  arguments: "[ls|select|rm|output …]",
  flags: {
    stack: STACK,
    "remove-config": { type: "boolean", summary: "with rm: delete stacks/Pulumi.NAME.yaml, too" },
  },
  examples: [
    ["./warmbox stack ls", "all stacks of this project"],
    ["./warmbox stack select s3", "what the next commands work on"],
    ["./warmbox stack rm s3", "remove the stack from the backend; its file stays"],
  ],
  details: passedOn("stack"),
};

const CONFIG: CommandDefinition = {
  name: "config",
  summary: "Reads and sets the settings and secrets of a stack: `pulumi config`.",
  arguments: "[get|set|rm …]",
  flags: { stack: STACK },
  examples: [
    ["./warmbox config", "the settings of the selected stack"],
    ["./warmbox config set --secret s3AccessKeyId", "asks for the value and keeps it encrypted"],
  ],
  details: passedOn("config"),
};

const PULUMI: CommandDefinition = {
  name: "pulumi",
  summary: "Runs any other command of Pulumi in this folder.",
  arguments: "COMMAND …",
  flags: {},
  examples: [
    ["./warmbox pulumi --help", "this text; `./warmbox pulumi help` is Pulumi's"],
    ["./warmbox pulumi stack export", "the state of the selected stack"],
  ],
};

const BENCH: CommandDefinition = {
  name: "bench",
  summary: "Measures; needs a quiet machine.",
  arguments: "NAME [ROUNDS]",
  flags: {},
  examples: [["./warmbox bench up", "how long the first and a converged `up` take"]],
  details: "`./warmbox bench` lists the measurements.",
};

const TEST: CommandDefinition = {
  name: "test",
  summary: "Runs all tests on the real programs, or the ones that the arguments name.",
  arguments: "[FILE …] [vitest's flags]",
  flags: { project: { type: "string", value: "light|heavy", summary: "only suites of this kind" } },
  examples: [
    ["./warmbox test", "all; exit code 2 if a suite cannot run on this machine"],
    ["./warmbox test test/plan", "the tests of one folder"],
  ],
};

const CHECK: CommandDefinition = {
  name: "check",
  summary: "Checks format, types, shell scripts, words and names.",
  arguments: "[biome's flags]",
  flags: {},
  examples: [["./warmbox check", "what a change has to pass before its tests"]],
};

const FORMAT: CommandDefinition = {
  name: "format",
  summary: "Rewrites the files in the project's format.",
  arguments: "[biome's flags]",
  flags: {},
  examples: [["./warmbox format", "all files"]],
};

const DOCS: CommandDefinition = {
  name: "docs",
  summary: "Writes the generated pages of docs/.",
  arguments: "[flags]",
  flags: {
    record: { type: "boolean", summary: "also records the transcripts that no test compares; takes minutes" },
    check: { type: "boolean", summary: "writes nothing; ends with 1 if a generated page is stale" },
  },
  examples: [["./warmbox docs", "after a change of the schema"]],
};

const COMPLETION: CommandDefinition = {
  name: "completion",
  summary: "Prints the completion script of a shell.",
  arguments: "bash|zsh|fish",
  flags: {},
  examples: [
    ["source <(./warmbox completion bash)", "in ~/.bashrc, with the folder's path"],
    ["source <(./warmbox completion zsh)", "in ~/.zshrc, after compinit"],
    ["./warmbox completion fish | source", "in ~/.config/fish/config.fish"],
  ],
  details: "Commands, flags, stacks, hosts, examples and shells are completed, of this folder.",
};

/** All commands, in the order in which help lists them. */
export async function commandTable(): Promise<readonly CommandDefinition[]> {
  const file = join(dirname(import.meta.dirname), "ops", "definitions.ts"); // a path, since setup/ imports nothing of ops/
  const { HOST_COMMANDS } = (await import(pathToFileURL(file).href)) as {
    HOST_COMMANDS: readonly CommandDefinition[];
  };
  return [
    ...[UP, PREVIEW, DESTROY, REFRESH],
    ...HOST_COMMANDS,
    ...[INIT, STACK_COMMAND, CONFIG, PULUMI],
    ...[TEST, CHECK, FORMAT, DOCS, BENCH, COMPLETION],
  ];
}

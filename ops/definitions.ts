/**
 * The commands on hosts: names, flags and help, for `./warmbox help` and completion as well as for the commands
 * themselves. Imports types only, since the table of all commands loads it at every start.
 */
import type { CommandDefinition } from "../stacks/command.ts";

const value = (placeholder: string, summary: string) =>
  ({ type: "string", value: placeholder, summary }) as const;
const option = (summary: string) => ({ type: "boolean", summary }) as const;

const HOST_FLAGS = {
  host: value("NAME", "one host; default: every host of the stack"),
  stack: value("NAME", "another stack than the selected one"),
};

const JSON_FLAG = option("the result as data, without progress: {schema, stack, hosts}");

const examplesOf = (name: string) =>
  [
    [`./warmbox ${name}`, "every host of the selected stack"],
    [`./warmbox ${name} --host NAME --stack NAME`, "one host of another stack"],
  ] as const;

export const PLAN = {
  name: "plan",
  summary: "Prints every number that warmbox would set on a machine, and why.",
  flags: {
    host: value("NAME", "this host of the stack, probed; default: its only or local one"),
    stack: HOST_FLAGS.stack,
    ram: value("SIZE", "RAM of a machine that is in no stack, such as 126GiB; needs --cpus"),
    cpus: value("N", "cores of that machine"),
    disk: value("SIZE", "free on the caches' volume; default with --ram: 1TiB"),
    agents: value("N", "builds that share the machine; default: the stack's, with --ram 1"),
    active: value("N", "how many of them build at once; default: the stack's, with --ram 1"),
    json: option("the result as data, sizes in bytes: {schema, stack, hosts}"),
  },
  examples: [
    ["./warmbox plan", "the stack's only host, or the one that is this machine"],
    ["./warmbox plan --host NAME", "another host of the stack"],
    ["./warmbox plan --ram 126GiB --cpus 32", "a machine that is in no stack"],
  ],
  details: "The exit code is 1 if the plan does not add up or the host does not answer, 2 for a wrong flag.",
} satisfies CommandDefinition;

export const STATUS = {
  name: "status",
  summary: "Shows what the caches of every host hold and do now.",
  flags: {
    ...HOST_FLAGS,
    watch: {
      ...value(
        "SECONDS",
        "again and again, with what happened in between; default: every 5 s; Ctrl-C ends it",
      ),
      implied: "5",
    },
    json: option("the result as data, sizes in bytes, times in seconds; with --watch one document a line"),
    prometheus: option("the same as metrics, for node_exporter's textfile collector"),
  },
  examples: examplesOf("status"),
  details:
    "The exit code is 1 if a host does not answer or one of its services does not run, 2 for a wrong flag.",
} satisfies CommandDefinition;

export const DOCTOR = {
  name: "doctor",
  summary:
    "Finds what keeps the caches of a host from working: symptom, cause, evidence, and the command that fixes it.",
  flags: {
    ...HOST_FLAGS,
    workspace: value(
      "PATH",
      "also this moon workspace on the host; those in the stack's moon.workspaces always are",
    ),
    json: JSON_FLAG,
  },
  examples: examplesOf("doctor"),
  details: "The exit code is 1 if something is wrong or a host does not answer, 2 for a wrong flag.",
} satisfies CommandDefinition;

export const WARM = {
  name: "warm",
  summary: "Fills the three caches of every host from its workspaces (moon.workspaces of the stack).",
  flags: { ...HOST_FLAGS, force: option("also workspaces that are filled already"), json: JSON_FLAG },
  examples: examplesOf("warm"),
  details: `Each workspace is built in a temporary git worktree of its last commit; your checkout is not touched. As many build
at once as agents may (agents.active), each with its share of the plan. An interrupted run continues where it was. A
second run does nothing until commit, lock file, toolchain, commands, a cache directory or the store change. A new S3
or GCS store is filled completely, which compiles everything once more. The exit code is 1 if a workspace failed.`,
} satisfies CommandDefinition;

export const PROVE = {
  name: "prove",
  summary: "Shows on a host that all three caches hit: builds its own tiny crates and tasks twice.",
  flags: { ...HOST_FLAGS, json: JSON_FLAG },
  examples: examplesOf("prove"),
  details: "The exit code is 1 if a tier does not hit or a host does not answer, 2 for a wrong flag.",
} satisfies CommandDefinition;

/** Every command on hosts, in the order in which help lists them. */
export const HOST_COMMANDS: readonly CommandDefinition[] = [PLAN, STATUS, DOCTOR, WARM, PROVE];

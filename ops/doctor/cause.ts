import type { Evidence, SettingLine } from "./evidence.ts";
import { linesSetting } from "./fix.ts";

/** What people notice: the four that every guide lists, and four more. */
export const SYMPTOMS = {
  sccache: "sccache takes nothing, or less than it could, from its cache",
  moon: "moon's hit rate is low",
  "bazel-remote": "bazel-remote does not answer",
  grows: "a cache or log grows beyond its limit",
  store: "hosts do not share through S3",
  cargo: "builds resolve or download again",
  reboot: "the caches are gone after a reboot",
  settings: "the running services do not have the stack's settings",
} as const;

/** Key of {@link SYMPTOMS}. */
export type Symptom = keyof typeof SYMPTOMS;

/** A cause that doctor knows, for every host alike; docs/troubleshooting.md lists all of them. */
export type Cause = {
  /** Stable name, for scripts and tests. */
  readonly id: string;
  readonly symptom: Symptom;
  /** What is wrong, in a sentence. */
  readonly cause: string;
  /** What the printed command does. */
  readonly fix: string;
  /** Resources whose difference from what was applied this cause explains. */
  readonly explains?: readonly string[];
  /** Every place where the cause is seen on a host; empty on a healthy one. */
  readonly find: (evidence: Evidence) => readonly Sighting[];
};

/** A cause as it is seen on one host. */
export type Sighting = {
  /** What is wrong, with this host's names and numbers; default: the cause's own sentence. */
  readonly cause?: string;
  /** The lines or values that show it, each with its place. */
  readonly evidence: readonly string[];
  /** The command that fixes it, for the operator's shell in the project's folder. */
  readonly fix: string;
};

/** One cause on one host, as `--json` has it. */
export type Finding = Pick<Cause, "id" | "symptom" | "cause" | "fix" | "explains"> & Required<Sighting>;

/** Everything that one cause explains on a host. */
export function findingsOfCause(cause: Cause, evidence: Evidence): Finding[] {
  const { find, fix: _general, ...head } = cause;
  return find(evidence).map((sighting) => ({ ...head, ...sighting }));
}

/** `file:line: text`, as compilers write it. */
export const place = ({ file, line, text }: SettingLine): string => `${file}:${line}: ${text}`;

/** Where a variable is set: lines of the files that sessions read; else the session that has it. */
export function whereSet(
  evidence: Evidence,
  name: string,
  session: { readonly name: string },
  value: string,
): string[] {
  return [`${session.name}: ${name}=${value}`, ...linesSetting(evidence, name).map(place)];
}

/** The last lines that a service logged, as evidence. */
export const lastLines = (evidence: Evidence, service: string, count = 2): string[] =>
  (evidence.logs[service]?.lines ?? []).filter((line) => line.trim() !== "").slice(-count);

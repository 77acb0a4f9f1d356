import type { Evidence, SettingLine } from "./evidence.ts";
import { linesSetting } from "./mend.ts";

/** What people notice: the four that every guide lists, and two of our own. */
export const SYMPTOMS = {
  sccache: "sccache takes nothing, or less than it could, from its cache",
  moon: "moon's hit rate is low",
  "bazel-remote": "bazel-remote does not answer",
  grows: "a cache or log grows past its place",
  store: "hosts do not share through S3",
  cargo: "builds resolve or download again",
  reboot: "the caches are gone after a reboot",
  settings: "what runs is not what the stack says",
} as const;

/** One cause found on one host. */
export type Finding = {
  /** Stable name of the cause, for scripts and tests. */
  id: string;
  symptom: keyof typeof SYMPTOMS;
  /** What is wrong, in a sentence. */
  cause: string;
  /** The very line or value that was seen, with its address. */
  evidence: string[];
  /** The command that mends it, for the operator's shell in the project's folder. */
  mend: string;
  /** Resources whose difference from what was applied this explains. */
  explains?: readonly string[];
};

/** Judges one cause: nothing where it does not hold. */
export type Cause = (evidence: Evidence) => Finding[];

/** `file:line: text`, as compilers write it. */
export const place = ({ file, line, text }: SettingLine): string => `${file}:${line}: ${text}`;

/** Where a variable is set: lines of the files that sessions read; else the session it was seen in. */
export function whereSet(
  evidence: Evidence,
  name: string,
  session: { name: string },
  value: string,
): string[] {
  return [`${session.name}: ${name}=${value}`, ...linesSetting(evidence, name).map(place)];
}

/** The last lines that a service logged, as evidence. */
export const lastLines = (evidence: Evidence, service: string, count = 2): string[] =>
  (evidence.logs[service]?.lines ?? []).filter((line) => line.trim() !== "").slice(-count);

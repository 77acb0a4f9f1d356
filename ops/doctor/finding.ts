import type { Evidence, SettingLine } from "./evidence.ts";

/** What people notice: the four that every guide lists, and two of our own. */
export const SYMPTOMS = {
  sccache: "sccache takes nothing, or less than it could, from its cache",
  moon: "moon's hit rate is low",
  "bazel-remote": "bazel-remote does not answer",
  grows: "a cache or log grows past its place",
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
  /** The very line or value that was seen, with its place. */
  evidence: string[];
  /** The command that mends it, run on the host unless it is an `npm run`. */
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
  const lines = evidence.settings.filter(({ text }) => new RegExp(`(^|[ \\t;])${name}=`).test(text));
  return [`${session.name}: ${name}=${value}`, ...lines.map(place)];
}

/** How to be rid of a variable: its line's file, or this shell. */
export function unset(evidence: Evidence, name: string): string {
  const line = evidence.settings.find(({ text }) => new RegExp(`(^|[ \\t;])${name}=`).test(text));
  return line === undefined ? `unset ${name}` : `sed -i '${line.line}d' ${line.file} && unset ${name}`;
}

/** Command that ends a service's process; its keeper starts it again. */
export function restart(evidence: Evidence, service: "sccache" | "bazel-remote"): string {
  const { kind, pid } = evidence.status.services[service] ?? {};
  if (kind === "systemd-user") return `systemctl --user restart ${service}`;
  if (kind === "systemd-system") return `sudo systemctl restart ${service}`;
  if (kind === "container") return "docker restart $(docker ps --all --quiet --filter label=warmbox.port)";
  return pid ? `kill ${pid}` : "npm run up";
}

/** The last lines that a service logged, as evidence. */
export const lastLines = (evidence: Evidence, service: string, count = 2): string[] =>
  (evidence.logs[service]?.lines ?? []).filter((line) => line.trim() !== "").slice(-count);

import type { z } from "zod";
import { UserError } from "./errors.ts";
import { hasPassword, isHiddenName } from "./secrets.ts";

/** One problem in the stack file, in the four parts of every message. */
export type Issue = {
  /** Key path as `pulumi config set --path` takes it: `warmbox:hosts.box.sccache.max_size`. */
  path: string;
  /** The value; hidden if it could be a secret. */
  got: string;
  /** The values that the key takes, with their unit. */
  expected: string;
  /** What to type instead. */
  next: string;
};

/** Raised once per run for a stack file that is not right; `.message` is complete and needs no stack trace. */
export class ConfigError extends UserError {
  readonly issues: Issue[];
  constructor(issues: Issue[]) {
    super("config", issueReport(issues));
    this.issues = issues;
  }
}

/** Text of a zod message that {@link issuesOf} takes apart again: bound first, next step second. */
export function issueText(expected: string, next: string): string {
  return `${expected}\n${next}`;
}

/** All issues of a failed parse, in the order of the stack file; `raw` is what was parsed. */
export function issuesOf(error: z.ZodError, raw: unknown): Issue[] {
  return error.issues.flatMap((issue) => issuesFrom(issue, raw));
}

function issueReport(issues: Issue[]): string {
  const count = issues.length === 1 ? "1 problem" : `${issues.length} problems`;
  const list = issues.map(
    (f) => `  ${f.path}\n    got:      ${f.got}\n    expected: ${f.expected}\n    next:     ${f.next}`,
  );
  return `${count} in the stack's configuration; nothing was changed.\n${list.join("\n")}`;
}

function issuesFrom(issue: z.core.$ZodIssue, raw: unknown): Issue[] {
  if (issue.code === "unrecognized_keys") {
    const keys = issue.message.split(" ").filter(Boolean); // see object() in schema/fields.ts
    return issue.keys.map((key) => unknownKey([...issue.path, key], key, keys, raw));
  }
  const message = issue.code === "invalid_key" ? issue.issues[0]?.message : issue.message;
  const [expected = "", next] = (message ?? issue.message).split("\n");
  return [
    { path: keyPath(issue.path), got: displayed(issue.path, raw), expected, next: next ?? nextFor(issue) },
  ];
}

/** Words that guides and other versions use, and where the thing is set here. */
const ELSEWHERE: Record<string, string> = {
  maxTasks: "moon has no such setting in any version; write moon.concurrency (it becomes MOON_CONCURRENCY)",
  max_tasks: "moon has no such setting in any version; write moon.concurrency (it becomes MOON_CONCURRENCY)",
  unstable_remote:
    "moon 2 refuses it, its key is `remote`; write moon.workspaces[].remote_block: true to have that block written",
  size: "write max_size",
  maxSize: "write max_size",
  cache_size: "write max_size",
  storageMode: "write storage_mode",
  memory: "write facts.memTotal",
  bazelRemote: "write bazel-remote",
  bazel_remote: "write bazel-remote",
  access_key_id: "keys are secrets: run `pulumi config set --secret s3AccessKeyId`",
  secret_access_key: "keys are secrets: run `pulumi config set --secret s3SecretAccessKey`",
};

function unknownKey(path: PropertyKey[], key: string, keys: string[], raw: unknown): Issue {
  const near = nearest(key, keys);
  const next = ELSEWHERE[key] ?? (near === undefined ? "remove it" : `write ${near}`);
  const expected = keys.length === 0 ? "no such key" : `no such key; there are ${keys.join(", ")}`;
  return { path: keyPath(path), got: displayed(path, raw), expected, next };
}

function nextFor(issue: z.core.$ZodIssue): string {
  return issue.code === "invalid_type"
    ? "write a value of that kind, or remove the key for its default"
    : "change it";
}

/** `warmbox:` + keys joined by dots, list places in brackets, keys with dots quoted: Pulumi's own spelling. */
export function keyPath(path: readonly PropertyKey[]): string {
  const parts = path.map((part) => {
    if (typeof part === "number") return `[${part}]`;
    return /^[\w-]+$/.test(String(part)) ? `.${String(part)}` : `[${JSON.stringify(String(part))}]`;
  });
  return `warmbox:${parts.join("").replace(/^\./, "")}`;
}

const SHOWN_LENGTH = 80;

function displayed(path: readonly PropertyKey[], raw: unknown): string {
  let value = raw;
  for (const part of path) value = (value as Record<PropertyKey, unknown> | undefined)?.[part];
  if (value === undefined) return "nothing";
  if (path.some((part) => isHiddenName(String(part)))) return "(not shown)";
  const text = JSON.stringify(value, (key, inside) => (isSecret(key, inside) ? "(not shown)" : inside));
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}

function isSecret(key: string, value: unknown): boolean {
  return isHiddenName(key) || (typeof value === "string" && hasPassword(value));
}

/** The known word at most two edits away, if there is one. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const folded = (a: string) => a.toLowerCase().replace(/[-_]/g, "");
  const ranked = candidates.map((k) => ({ k, d: folded(k) === folded(word) ? 0 : edits(word, k) }));
  ranked.sort((a, b) => a.d - b.d);
  const best = ranked[0];
  return best !== undefined && best.d <= 2 && best.d < word.length ? best.k : undefined;
}

function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, swap));
    }
    row = next;
  }
  return row[b.length] ?? a.length;
}

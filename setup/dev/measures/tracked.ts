/** Reads the files that git tracks, and the lines that were added since the last commit. */
import { execFileSync } from "node:child_process";
import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A tracked file, by its path from the root. */
export type TrackedFile = { file: string; text: string };

/** Part of the tree that a file counts for; bench/ counts as tests. */
export type Area = "product" | "tests" | "docs";

const MEASURED = /\.(?:m?ts|mjs|sh|md|ya?ml)$/;
const GENERATED =
  /(?:^|\/)(?:golden|fixtures|node_modules)\/|(?:^|\/)[^/]*-lock\.ya?ml$|(?:^|\/)go\.(?:mod|sum)$/;

/** Whether a file is measured: prose and code, without lock files, golden files and fixtures. */
export function isMeasured(file: string): boolean {
  return MEASURED.test(file) && !GENERATED.test(file);
}

/** The area of a measured file. */
export function areaOf(file: string): Area {
  if (/^(?:test|bench)\//.test(file)) return "tests";
  return file.endsWith(".md") ? "docs" : "product";
}

/** All measured files of the work tree at `root`, with changes that are not committed. */
export function trackedFiles(root: string): TrackedFile[] {
  return git(root, ["ls-files", "-z"])
    .split("\0")
    .filter((file) => file !== "" && isMeasured(file))
    .filter((file) => lstatSync(join(root, file), { throwIfNoEntry: false })?.isFile())
    .map((file) => ({ file, text: readFileSync(join(root, file), "utf8") }));
}

/** `file:line` of each line that the work tree adds to the last commit. */
export function addedLines(root: string): Set<string> {
  return parseAddedLines(
    git(root, ["diff", "HEAD", "--unified=0", "--no-color", "--no-ext-diff", "--no-prefix"]),
  );
}

/** `file:line` of each added line of a diff without context and without prefixes. */
export function parseAddedLines(diff: string): Set<string> {
  const added = new Set<string>();
  let file = "";
  for (const line of diff.split("\n")) {
    if (line.startsWith("+++ ")) file = line.slice("+++ ".length).replace(/\t$/, "");
    const hunk = /^@@ -\S+ \+(\d+)(?:,(\d+))? @@/.exec(line);
    if (hunk === null) continue;
    const start = Number(hunk[1]);
    const count = Number(hunk[2] ?? 1);
    for (let index = 0; index < count; index++) added.add(`${file}:${start + index}`);
  }
  return added;
}

function git(root: string, args: readonly string[]): string {
  return execFileSync("git", args, { cwd: root, encoding: "utf8", maxBuffer: 256 * 1024 * 1024 });
}

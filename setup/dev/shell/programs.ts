/** Finds the shell programs of the tree, and how their files form whole programs. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A file with a shell program, or with a part of one. */
export type ShellFile = { file: string; text: string; shell: "dash" | "bash" };

/** Files that one shell reads one after the other; `parts` are those that belong to this program alone. */
export type ShellProgram = { files: readonly ShellFile[]; parts: readonly ShellFile[] };

const SCRIPTS = "host/scripts";

/** The tracked shell files below `root`; the tests' expected scripts are not among them. */
export function shellFiles(root: string): ShellFile[] {
  const listing = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" });
  return listing
    .split("\0")
    .filter((file) => /(?:^|\/)[^./]+(?:\.sh)?$/.test(file) && !file.startsWith("test/golden/"))
    .flatMap((file) => shellFile(root, file));
}

function shellFile(root: string, file: string): ShellFile[] {
  let text: string;
  try {
    text = readFileSync(join(root, file), "utf8");
  } catch {
    return []; // removed and not yet committed, or a link to a folder
  }
  const [, shell] = /^#!.*\b(bash|sh)\b/.exec(text) ?? [];
  if (shell === undefined && !file.endsWith(".sh")) return [];
  return [{ file, text, shell: shell === "bash" ? "bash" : "dash" }];
}

/**
 * Groups files into programs. A folder of host/scripts/ with numbered parts is one program. Three lines in its first
 * file say what a shell has read before it: `# Needs: FILE…` names files below host/scripts/, `# Follows: PROGRAM…`
 * other programs, and `# Set by the caller: NAME…` variables.
 */
export function shellPrograms(files: readonly ShellFile[]): ShellProgram[] {
  const groups = Map.groupBy(files, ({ file }) => groupOf(file));
  const groupsNamed = (names: string[]) => names.flatMap((name) => groups.get(`${SCRIPTS}/${name}`) ?? []);
  const withNeeds = (group: ShellFile[]) => [...groupsNamed(wordsAfter("Needs", group)), ...group];
  return [...groups.values()].map((parts) => {
    const before = wordsAfter("Follows", parts).flatMap((name) => withNeeds(groupsNamed([name])));
    return { files: [...new Set([...callerOf(parts), ...before, ...withNeeds(parts)])], parts };
  });
}

/** The path of a part's whole program: `warmbox/10-script.sh` belongs to `warmbox.sh`. */
const groupOf = (file: string): string => file.replace(/\/\d\d-[^/]*\.sh$/, ".sh");

function wordsAfter(key: string, [first]: readonly ShellFile[]): string[] {
  return new RegExp(`^# ${key}: (.+)$`, "m").exec(first?.text ?? "")?.[1]?.split(" ") ?? [];
}

/** A file that sets what the caller of a program sets. */
function callerOf(parts: readonly ShellFile[]): ShellFile[] {
  const text = wordsAfter("Set by the caller", parts)
    .map((name) => `export ${name}=value\n`)
    .join("");
  return text === "" ? [] : [{ file: "caller", text, shell: "dash" }];
}

/** The file and line of a line of the joined program. */
export function placeOf(files: readonly ShellFile[], joinedLine: number): { file: string; line: number } {
  let line = joinedLine;
  for (const { file, text } of files) {
    const count = text.split("\n").length - 1;
    if (line <= count) return { file, line };
    line -= count;
  }
  return { file: files.at(-1)?.file ?? "", line };
}

/** Checks what Markdown files refer to: links, anchors, paths of the tree in code spans, and `./warmbox` commands. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** A reference that leads nowhere. */
export type ReferenceIssue = { readonly file: string; readonly target: string; readonly reason: string };

const LINK = /!?\[(?:[^[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)/g;
const FENCE = /^(```|~~~)[^\n]*\n[\s\S]*?^\1[^\n]*$/gm;
const CODE_SPAN = /`([^`\n]+)`/g;
/** A path that a code span names is checked if it starts with a directory of the tree. */
const TREE_PATH =
  /^(?:stacks|host|plan|render|components|ops|setup|tools|bench|test|docs|examples)\/[\w./-]*$/;
const COMMAND = /\.\/warmbox ([a-z][a-z-]*)/g;

/** Links of one file whose target does not exist. External links are checked by form only, so the check is offline. */
export function linkIssues(root: string, file: string, text: string): ReferenceIssue[] {
  const prose = text.replace(FENCE, "").replace(CODE_SPAN, "");
  return [...prose.matchAll(LINK)].flatMap(([, target = ""]) => {
    const reason = target.includes(":") ? externalIssue(target) : localIssue(root, file, target);
    return reason === undefined ? [] : [{ file, target, reason }];
  });
}

function externalIssue(target: string): string | undefined {
  const isValid = URL.canParse(target) && /^https:\/\/[a-z0-9.-]+\.[a-z]+(?:[/?#]|$)/.test(target);
  return isValid ? undefined : "an external link is a complete https address";
}

function localIssue(root: string, file: string, target: string): string | undefined {
  const [path = "", anchor] = target.split("#");
  const destination = path === "" ? file : normalize(join(dirname(file), path));
  if (destination.startsWith("..")) return "it leaves the project";
  if (!existsSync(join(root, destination))) return "no such file";
  if (anchor === undefined) return undefined;
  if (!destination.endsWith(".md")) return "only Markdown files have anchors";
  return anchorsOf(readFileSync(join(root, destination), "utf8")).has(anchor) ? undefined : "no such heading";
}

/** The anchors that GitHub gives to the headings of a file. */
export function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of text.replace(FENCE, "").matchAll(/^#{1,6} +(.+?)\s*$/gm)) {
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replace(/\s/g, "-");
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count++) anchor = `${slug}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** Paths of the tree in code spans that do not exist. */
export function pathIssues(root: string, file: string, text: string): ReferenceIssue[] {
  const spans = [...text.replace(FENCE, "").matchAll(CODE_SPAN)].map(([, span = ""]) => span);
  return spans
    .filter((span) => TREE_PATH.test(span) && !span.includes("NAME") && !existsSync(join(root, span)))
    .map((target) => ({ file, target, reason: "no such file" }));
}

/** Commands after `./warmbox` that are not in `commands`, in prose and in code blocks. */
export function commandIssues(commands: ReadonlySet<string>, file: string, text: string): ReferenceIssue[] {
  return [...text.matchAll(COMMAND)]
    .filter(([, name = ""]) => !commands.has(name))
    .map(([target]) => ({ file, target, reason: "no such command" }));
}

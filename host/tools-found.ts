import { wordsOf } from "./sections.ts";
import type { HostFacts, Tool } from "./types.ts";

type Name = keyof HostFacts["tools"];

const NAMES: readonly Name[] = ["sccache", "bazel-remote", "moon", "cargo"];

/** The program each name means: the first on PATH or in a known place, else our own with the highest version. */
export function toolsOf(lines: string[]): HostFacts["tools"] {
  const rows = wordsOf(lines, "tool").map((line) => line.split("\t"));
  const pick = (name: Name): Tool | null => {
    const candidates = rows
      .filter(([tool]) => tool === name)
      .map(([, path = "", text = ""]) => ({ path, version: versionOf(path, text) }));
    return candidates.find((t) => !isOwn(t)) ?? candidates.sort(byVersion).at(-1) ?? null;
  };
  return Object.fromEntries(NAMES.map((name) => [name, pick(name)])) as HostFacts["tools"];
}

const isOwn = (tool: Tool): boolean => tool.path.includes("/warmbox/tools/");

/** `sccache 0.19.0`; bazel-remote does not tell, and our own copies are not asked: they lie in a folder of that name. */
function versionOf(path: string, text: string): string | null {
  const word = /(?:^|[\s/v])(\d+\.\d+(?:\.\d+)?(?:[-+][\w.-]+)?)(?=$|[\s/])/;
  return (word.exec(text) ?? word.exec(path))?.[1] ?? null;
}

const byVersion = (a: Tool, b: Tool): number =>
  (a.version ?? "").localeCompare(b.version ?? "", "en", { numeric: true });

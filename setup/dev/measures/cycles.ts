/** Import cycles between files; an import of types counts like any other. */
import { posix } from "node:path";
import ts from "typescript";

/** The project's files that `file` imports, relative to the root: values, types and dynamic imports. */
export function fileImports(file: string, text: string): string[] {
  return ts
    .preProcessFile(text, true, true)
    .importedFiles.filter(({ fileName }) => fileName.startsWith("."))
    .map(({ fileName }) => posix.join(posix.dirname(file), fileName));
}

/** Groups of files that import each other; `imports` gives the imports of each file. */
export function importCycles(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const reach = new Map([...imports.keys()].map((file) => [file, reachable(file, imports)]));
  const cycles = new Map<string, string[]>();
  for (const [file, targets] of reach) {
    if (!targets.has(file)) continue;
    const members = [...targets].filter((target) => reach.get(target)?.has(file)).sort();
    cycles.set(members.join(), members);
  }
  return [...cycles.values()];
}

function reachable(file: string, imports: ReadonlyMap<string, readonly string[]>): Set<string> {
  const targets = new Set<string>();
  const queue = [...(imports.get(file) ?? [])];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (targets.has(next)) continue;
    targets.add(next);
    queue.push(...(imports.get(next) ?? []));
  }
  return targets;
}

/** Import cycles between files, without imports that only name types. */
import { posix } from "node:path";
import ts from "typescript";

/** The project's files that `file` loads when it runs, relative to the root. */
export function valueImports(file: string, text: string): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, false);
  return source.statements.flatMap((statement) => {
    const isValue =
      (ts.isImportDeclaration(statement) &&
        statement.importClause?.phaseModifier !== ts.SyntaxKind.TypeKeyword) ||
      (ts.isExportDeclaration(statement) && !statement.isTypeOnly);
    if (!isValue) return [];
    const path = statement.moduleSpecifier;
    if (path === undefined || !ts.isStringLiteral(path) || !path.text.startsWith(".")) return [];
    return [posix.join(posix.dirname(file), path.text)];
  });
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

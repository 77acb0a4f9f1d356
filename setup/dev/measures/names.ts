/** Finds declared names that say nothing about the value: pronouns, participles, number words. */
import ts from "typescript";
import list from "./names.json" with { type: "json" };

/** One name to replace; `rule` is the kind of word, such as `pronoun`. */
export type NameIssue = { file: string; line: number; name: string; rule: string };

/** A name where it is declared. */
export type DeclaredName = { name: string; line: number };

/** Kind of word by name in lower case: the type `Known` is judged as the variable `known` is. */
const RULE_OF: ReadonlyMap<string, string> = new Map(
  Object.entries(list).flatMap(([rule, names]) => names.map((name) => [name, rule] as const)),
);

/** Declared names of a TypeScript file that are not nouns, verb phrases or is/has/should. */
export function nameIssues(file: string, text: string): NameIssue[] {
  return declaredNames(file, text).flatMap(({ name, line }) => {
    const rule = RULE_OF.get(name.toLowerCase());
    return rule === undefined ? [] : [{ file, line, name, rule }];
  });
}

/** Every name that the file declares; imports are judged in the file that declares them. */
export function declaredNames(file: string, text: string): DeclaredName[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const names: DeclaredName[] = [];
  const visit = (node: ts.Node): void => {
    const name = declares(node) ? (node as ts.NamedDeclaration).name : undefined;
    if (name !== undefined && ts.isIdentifier(name) && name.text !== "this") {
      const { line } = source.getLineAndCharacterOfPosition(name.getStart(source));
      names.push({ name: name.text, line: line + 1 });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return names;
}

/** Parameters of a function type count too: they are the documentation of a callback. */
function declares(node: ts.Node): boolean {
  return (
    ts.isVariableDeclaration(node) ||
    ts.isParameter(node) ||
    ts.isBindingElement(node) ||
    ts.isFunctionDeclaration(node) ||
    ts.isFunctionExpression(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isMethodSignature(node) ||
    ts.isPropertyDeclaration(node) ||
    ts.isPropertySignature(node) ||
    ts.isAccessor(node) ||
    ts.isClassDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node)
  );
}

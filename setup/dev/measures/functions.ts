/** Lengths of functions in TypeScript and in sh. */
import ts from "typescript";

/** A function, where it starts and how many lines it has, both ends included. */
export type FunctionLength = { file: string; line: number; name: string; lines: number };

/** Longest function that passes the check. */
export const MAX_FUNCTION_LINES = 60;

/** Functions of one file; an unnamed one counts as part of the function around it. */
export function functionLengths(file: string, text: string): FunctionLength[] {
  return file.endsWith(".sh") ? shellFunctions(file, text) : typescriptFunctions(file, text);
}

function typescriptFunctions(file: string, text: string): FunctionLength[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const lengths: FunctionLength[] = [];
  const lineOf = (offset: number) => source.getLineAndCharacterOfPosition(offset).line + 1;
  const visit = (node: ts.Node, isInside: boolean): void => {
    const hasBody = ts.isFunctionLike(node) && "body" in node && node.body !== undefined;
    const name = hasBody ? nameOf(node, source) : undefined;
    const counts = hasBody && (name !== undefined || !isInside);
    if (counts) {
      const line = lineOf(node.getStart(source));
      lengths.push({ file, line, name: name ?? "(callback)", lines: lineOf(node.end) - line + 1 });
    }
    ts.forEachChild(node, (child) => visit(child, isInside || counts));
  };
  visit(source, false);
  return lengths;
}

function nameOf(node: ts.SignatureDeclaration, source: ts.SourceFile): string | undefined {
  if (ts.isConstructorDeclaration(node)) return "constructor";
  if (node.name !== undefined) return node.name.getText(source);
  const { parent } = node;
  const isNamed =
    ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent) || ts.isPropertyDeclaration(parent);
  return isNamed ? parent.name.getText(source) : undefined;
}

/** `name() {` up to the bracket at the same indentation, as shfmt writes it. */
function shellFunctions(file: string, text: string): FunctionLength[] {
  const lines = text.split("\n");
  return lines.flatMap((head, index) => {
    const match = /^(\s*)([A-Za-z_]\w*)\s*\(\)\s*([{(])(.*)$/.exec(head);
    if (match === null) return [];
    const [, indent = "", name = "", bracket, rest = ""] = match;
    const close = bracket === "{" ? "}" : ")";
    const isOneLine = rest.trimEnd().endsWith(close);
    const end = isOneLine
      ? index
      : lines.findIndex((line, row) => row > index && line.startsWith(indent + close));
    return [{ file, line: index + 1, name, lines: (end < 0 ? lines.length : end) - index + 1 }];
  });
}

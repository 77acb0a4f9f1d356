/** Finds words that the project's glossary rules out, with the word to use instead. */
import ts from "typescript";
import list from "./words.json" with { type: "json" };

/** One entry of the glossary: `pattern` is regular expression source, matched as whole words in any case. */
export type WordRule = { pattern: string; replacement: string };

/** One hit: `line` counts from 1, `word` is spelled as in the file. */
export type WordIssue = { file: string; line: number; word: string; replacement: string };

/** The glossary, in order: where two entries match at the same place, the first one counts. */
export const WORD_RULES: readonly WordRule[] = list;

/** Text that has to name the words that are out. Without `section` the whole file is exempt. */
export const EXEMPT: readonly { file: string; section?: string; reason: string }[] = [
  { file: "setup/dev/measures/words.json", reason: "it is the list" },
  { file: "CONTRIBUTING.md", section: "Glossary", reason: "it shows the list to contributors" },
];

/** All words in `text` that are out: in comments and strings of TypeScript, in the whole text of other files. */
export function wordIssues(file: string, text: string, rules: readonly WordRule[] = WORD_RULES): WordIssue[] {
  const prose = withoutExempt(file, /\.m?ts$|\.mjs$/.test(file) ? commentsAndStrings(file, text) : text);
  const matcher = matcherOf(rules);
  const issues: WordIssue[] = [];
  let line = 1;
  let offset = 0;
  for (const match of prose.matchAll(matcher)) {
    line += newlines(prose.slice(offset, match.index));
    offset = match.index;
    const rule = rules.find((_, index) => match.groups?.[`rule${index}`] !== undefined);
    issues.push({ file, line, word: match[0].replace(GAP, " "), replacement: rule?.replacement ?? "" });
  }
  return issues;
}

/** Between two words of a phrase: spaces, or a line break with the marks that start a comment line. */
const GAP = /[\s*/#]+/g;

function matcherOf(rules: readonly WordRule[]): RegExp {
  const choices = rules.map(
    ({ pattern }, index) => `(?<rule${index}>${pattern.replaceAll(" ", GAP.source)})`,
  );
  return new RegExp(`(?<![\\w$])(?:${choices.join("|")})(?![\\w$])`, "gi");
}

function newlines(text: string): number {
  return text.split("\n").length - 1;
}

/** The same text with spaces for everything that is neither comment nor string, so that lines stay the same. */
export function commentsAndStrings(file: string, text: string): string {
  const strings: Span[] = [];
  const literals: Span[] = [];
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const visit = (node: ts.Node): void => {
    if (isLiteral(node)) {
      const span = { start: node.getStart(source), end: node.end };
      literals.push(span);
      if (!ts.isRegularExpressionLiteral(node) && !isModuleName(node)) strings.push(span);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return keep(text, [...strings, ...commentSpans(blank(text, literals))]);
}

type Span = { start: number; end: number };

function isLiteral(node: ts.Node): boolean {
  return (
    ts.isStringLiteral(node) ||
    ts.isNoSubstitutionTemplateLiteral(node) ||
    ts.isTemplateHead(node) ||
    ts.isTemplateMiddleOrTemplateTail(node) ||
    ts.isRegularExpressionLiteral(node)
  );
}

/** The path in an import or export: it names a file, as an identifier does. */
function isModuleName(node: ts.Node): boolean {
  return ts.isImportDeclaration(node.parent) || ts.isExportDeclaration(node.parent);
}

/** Needs text without strings, templates and regular expressions, which the scanner alone cannot tell apart. */
function commentSpans(text: string): Span[] {
  const scanner = ts.createScanner(ts.ScriptTarget.Latest, false, ts.LanguageVariant.Standard, text);
  const spans: Span[] = [];
  for (let token = scanner.scan(); token !== ts.SyntaxKind.EndOfFileToken; token = scanner.scan()) {
    if (token === ts.SyntaxKind.SingleLineCommentTrivia || token === ts.SyntaxKind.MultiLineCommentTrivia) {
      spans.push({ start: scanner.getTokenStart(), end: scanner.getTokenEnd() });
    }
  }
  return spans;
}

const spaces = (text: string): string => text.replace(/[^\n]/g, " ");

function blank(text: string, spans: readonly Span[]): string {
  return assemble(text, spans, (part, inside) => (inside ? spaces(part) : part));
}

/** What is removed becomes `;`, so that a phrase never reaches from one string or comment into the next. */
function keep(text: string, spans: readonly Span[]): string {
  return assemble(text, spans, (part, inside) => (inside ? part : part.replace(/[^\s]/g, ";")));
}

function assemble(
  text: string,
  spans: readonly Span[],
  part: (text: string, inside: boolean) => string,
): string {
  const parts: string[] = [];
  let offset = 0;
  for (const { start, end } of spans.toSorted((a, b) => a.start - b.start)) {
    parts.push(part(text.slice(offset, start), false), part(text.slice(start, end), true));
    offset = end;
  }
  parts.push(part(text.slice(offset), false));
  return parts.join("");
}

function withoutExempt(file: string, text: string): string {
  const exempt = EXEMPT.find((entry) => entry.file === file);
  if (exempt === undefined) return text;
  if (exempt.section === undefined) return spaces(text);
  let level = 0;
  const lines = text.split("\n").map((line) => {
    const heading = /^(#+)\s+(.*)$/.exec(line);
    const depth = heading?.[1]?.length ?? 0;
    if (heading?.[2]?.trim() === exempt.section) level = depth;
    else if (depth > 0 && depth <= level) level = 0;
    return level > 0 ? spaces(line) : line;
  });
  return lines.join("\n");
}

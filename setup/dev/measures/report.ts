/** Measures of the code and of its language: sizes, names, words and import cycles. */
import { fileImports, importCycles } from "./cycles.ts";
import { type FunctionLength, functionLengths, MAX_FUNCTION_LINES } from "./functions.ts";
import { declaredNames, type NameIssue, nameIssues } from "./names.ts";
import { type Area, areaOf, type TrackedFile, trackedFiles } from "./tracked.ts";
import { type WordIssue, wordIssues } from "./words.ts";

/** Lengths of all functions of one language. */
export type LengthSummary = { count: number; p50: number; p90: number; max: number };

/** All measures of a tree. Sizes, functions, names and cycles are of the product only. */
export type Measures = {
  lines: { ts: number; sh: number };
  functions: { ts: LengthSummary; sh: LengthSummary };
  longFunctions: FunctionLength[];
  declaredNames: number;
  names: NameIssue[];
  words: Record<Area, WordIssue[]>;
  cycles: string[][];
};

/** Measures the work tree at `root`. */
export function measures(root: string): Measures {
  return measureFiles(trackedFiles(root));
}

/** Measures files that are already read. */
export function measureFiles(files: readonly TrackedFile[]): Measures {
  const product = files.filter(({ file }) => areaOf(file) === "product");
  const code = product.filter(({ file }) => /\.(?:m?ts|mjs)$/.test(file));
  const shell = product.filter(({ file }) => file.endsWith(".sh"));
  const codeFunctions = code.flatMap(({ file, text }) => functionLengths(file, text));
  const shellFunctions = shell.flatMap(({ file, text }) => functionLengths(file, text));
  const issuesIn = (area: Area) =>
    files.filter(({ file }) => areaOf(file) === area).flatMap(({ file, text }) => wordIssues(file, text));
  return {
    lines: { ts: lineCount(code), sh: lineCount(shell) },
    functions: { ts: summary(codeFunctions), sh: summary(shellFunctions) },
    longFunctions: [...codeFunctions, ...shellFunctions]
      .filter(({ lines }) => lines > MAX_FUNCTION_LINES)
      .sort((a, b) => b.lines - a.lines),
    declaredNames: code.reduce((sum, { file, text }) => sum + declaredNames(file, text).length, 0),
    names: code.flatMap(({ file, text }) => nameIssues(file, text)),
    words: { product: issuesIn("product"), tests: issuesIn("tests"), docs: issuesIn("docs") },
    cycles: importCycles(new Map(code.map(({ file, text }) => [file, fileImports(file, text)]))),
  };
}

function lineCount(files: readonly TrackedFile[]): number {
  return files.reduce((sum, { text }) => sum + text.split("\n").length - 1, 0);
}

function summary(functions: readonly FunctionLength[]): LengthSummary {
  const sorted = functions.map(({ lines }) => lines).sort((a, b) => a - b);
  const percentile = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { count: sorted.length, p50: percentile(0.5), p90: percentile(0.9), max: percentile(1) };
}

/** The measures as a table, followed by the long functions and the cycles. */
export function reportText(measured: Measures): string {
  const { lines, functions, words: wordLists } = measured;
  const lengths = ({ count, p50, p90, max }: LengthSummary) => `${p50} / ${p90} / ${max} lines, of ${count}`;
  const share = (100 * measured.names.length) / Math.max(1, measured.declaredNames);
  const rows: [string, string][] = [
    ["product lines, TypeScript", `${lines.ts}`],
    ["product lines, sh", `${lines.sh}`],
    ["function p50 / p90 / max, TypeScript", lengths(functions.ts)],
    ["function p50 / p90 / max, sh", lengths(functions.sh)],
    [`functions over ${MAX_FUNCTION_LINES} lines`, `${measured.longFunctions.length}`],
    ["names to replace", `${measured.names.length} of ${measured.declaredNames} (${share.toFixed(1)} %)`],
    ["words to replace, product", `${wordLists.product.length}`],
    ["words to replace, tests", `${wordLists.tests.length}`],
    ["words to replace, docs", `${wordLists.docs.length}`],
    ["import cycles, types included", `${measured.cycles.length}`],
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  return [
    ...rows.map(([label, figure]) => `${label.padEnd(width)}  ${figure}`),
    ...measured.longFunctions.map(longFunctionLine).map((line) => `  ${line}`),
    ...measured.cycles.map((cycle) => `  cycle: ${cycle.join(", ")}`),
  ].join("\n");
}

/** One line about a word: place, word and replacement. */
export function wordLine({ file, line, word, replacement }: WordIssue): string {
  return `${file}:${line}: "${word}"; use: ${replacement}`;
}

/** One line about a name: place, name and kind of word. */
export function nameLine({ file, line, name, rule }: NameIssue): string {
  return `${file}:${line}: name "${name}" is a ${rule}; use a noun that describes the value`;
}

/** One line about a function that is too long. */
export function longFunctionLine({ file, line, name, lines }: FunctionLength): string {
  return `${file}:${line}: ${name} has ${lines} lines; split it, at most ${MAX_FUNCTION_LINES}`;
}

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fileImports, importCycles } from "../../setup/dev/measures/cycles.ts";
import { functionLengths } from "../../setup/dev/measures/functions.ts";
import { declaredNames, nameIssues } from "../../setup/dev/measures/names.ts";
import { countsOf, problemLine, ratchet } from "../../setup/dev/measures/ratchet.ts";
import { measureFiles, reportText } from "../../setup/dev/measures/report.ts";
import { areaOf, isMeasured, parseAddedLines } from "../../setup/dev/measures/tracked.ts";
import { EXEMPT, WORD_RULES, wordIssues } from "../../setup/dev/measures/words.ts";

/** A list for the tests, so that this file has none of the real words. */
const RULES = [
  { pattern: "not zork", replacement: "unknown" },
  { pattern: "zork(s|ed)?", replacement: "fix" },
];

/** An expression in a template; apart, because a linter takes it for a mistake in a plain string. */
const inTemplate = (code: string) => `\${${code}}`;

const linesOf = (file: string, text: string) =>
  wordIssues(file, text, RULES).map(({ line, word }) => `${line} ${word}`);

describe("words", () => {
  it("finds them in comments, strings and templates of TypeScript", () => {
    const text = [
      "// Zorks the file",
      "/**",
      " * is not",
      " * zork",
      " */",
      'const label = "zork";',
      `const message = \`a ${inTemplate("label")} zorked ${inTemplate("`zork`")} b\`;`,
    ].join("\n");
    expect(linesOf("plan/a.ts", text)).toEqual(["1 Zorks", "3 not zork", "6 zork", "7 zorked", "7 zork"]);
  });

  it("judges no identifiers, module paths or regular expressions of TypeScript", () => {
    const text = `import { zork } from "./zork.ts";\nexport const zorks = zork.zork(/zork "/, \`${inTemplate("zork")}\`); // x\n`;
    expect(linesOf("plan/a.ts", text)).toEqual([]);
  });

  it("takes quotes in comments, and comment marks in strings and expressions, for text", () => {
    const text =
      "// don't\nconst url = \"http://zork\"; const ratio = zork / 2; // it's zork\n/* ` */ zork();\n";
    expect(linesOf("plan/a.ts", text)).toEqual(["2 zork", "2 zork"]);
  });

  it("never joins a phrase over code", () => {
    expect(linesOf("plan/a.ts", 'run("not", "zork");')).toEqual(["1 zork"]);
  });

  it.each(["host/a.sh", "README.md", "stacks/Pulumi.a.yaml"])("reads all of %s", (file) => {
    expect(linesOf(file, "a\nzork b\n")).toEqual(["2 zork"]);
  });

  it("matches whole words only", () => {
    expect(linesOf("host/a.sh", "zorkmid wb_zork zork_2 bizork\n")).toEqual([]);
  });

  it("gives the replacement", () => {
    expect(wordIssues("a.md", "zork", RULES)).toEqual([
      { file: "a.md", line: 1, word: "zork", replacement: "fix" },
    ]);
  });

  it("has a list of valid patterns, each with a replacement and none that matches everything", () => {
    for (const { pattern, replacement } of WORD_RULES) {
      expect(replacement, pattern).not.toBe("");
      expect(wordIssues("a.md", "A cache holds 3 GiB.\n", [{ pattern, replacement }]), pattern).toEqual([]);
    }
  });

  it("exempts a section of a file until the next heading of the same level", () => {
    const glossary = EXEMPT.find(({ section }) => section !== undefined);
    const text = `zork\n## ${glossary?.section}\nzork\n### Table\nzork\n## Next\nzork\n`;
    expect(linesOf(glossary?.file ?? "", text)).toEqual(["1 zork", "7 zork"]);
    expect(linesOf("README.md", text)).toHaveLength(4);
  });

  it("gives a reason for each exemption", () => {
    for (const { reason } of EXEMPT) expect(reason).not.toBe("");
  });
});

describe("names", () => {
  const text = [
    "const found = 1;",
    "function pick(one: number, { key: at, all = 2, count }: Args) {}",
    "interface Asked { known: string; shown(): void; size: number }",
    "const host = found; let { isReady } = host;",
  ].join("\n");

  it("finds pronouns, participles and number words wherever a name is declared", () => {
    expect(nameIssues("a.ts", text).map(({ line, name, rule }) => `${line} ${name}: ${rule}`)).toEqual([
      "1 found: participle",
      "2 one: number word",
      "2 at: place word",
      "2 all: number word",
      "3 Asked: participle",
      "3 known: participle",
      "3 shown: participle",
    ]);
  });

  it("judges no use of a name, no property of an object and no `this` parameter", () => {
    expect(nameIssues("a.ts", "run(found, { one: 1 }, list.at(0)); function run(this: Host) {}")).toEqual([]);
  });

  it("counts every declared name", () => {
    expect(declaredNames("a.ts", text)).toHaveLength(12);
  });
});

describe("functions and imports", () => {
  it("measures functions of TypeScript, with unnamed ones as part of the function around them", () => {
    const text =
      "const load = () => {\n  each(() => {\n  });\n};\nclass Host {\n  get size() { return 1; }\n}\n";
    expect(functionLengths("a.ts", text)).toEqual([
      { file: "a.ts", line: 1, name: "load", lines: 4 },
      { file: "a.ts", line: 6, name: "size", lines: 1 },
    ]);
  });

  it("measures functions of sh", () => {
    const text = "wb_a() {\n\tif x; then\n\t{ y; }\n\tfi\n}\nwb_b() { z; }\nwb_c() (\n\tz\n)\n";
    expect(functionLengths("a.sh", text).map(({ line, name, lines }) => [line, name, lines])).toEqual([
      [1, "wb_a", 5],
      [6, "wb_b", 1],
      [7, "wb_c", 3],
    ]);
  });

  it("follows imports of values and types, also dynamic ones", () => {
    const text =
      'import type { A } from "./a.ts";\nimport { b } from "../b.ts";\nexport * from "./c.ts";\nimport "node:fs";\n' +
      'type D = import("./d.ts").D;\nconst e = await import("./e.ts");\n';
    expect(fileImports("plan/x.ts", text).sort()).toEqual([
      "b.ts",
      ...["a", "c", "d", "e"].map((name) => `plan/${name}.ts`),
    ]);
  });

  it("reports each cycle once, without files that only lead to it", () => {
    const imports = new Map([
      ["a", ["b"]],
      ["b", ["c"]],
      ["c", ["b"]],
    ]);
    expect(importCycles(imports)).toEqual([["b", "c"]]);
  });
});

describe("files", () => {
  it("leaves out lock files, golden files and fixtures", () => {
    const files = [
      "package-lock.json",
      "engine/go/pulumi/go.sum",
      "test/golden/a.yaml",
      "test/fixtures/a.ts",
    ];
    expect(files.filter(isMeasured)).toEqual([]);
    expect(["a.ts", "b.mjs", "host/a.sh", "README.md", "a.yaml"].every(isMeasured)).toBe(true);
  });

  it("knows the areas", () => {
    expect(["test/a.md", "bench/a.ts", "docs/a.md", "host/a.sh"].map(areaOf)).toEqual([
      "tests",
      "tests",
      "docs",
      "product",
    ]);
  });

  it("reads added lines from a diff", () => {
    const diff = "--- a.ts\n+++ a.ts\n@@ -1,2 +3,2 @@ x\n+b\n+c\n@@ -9 +9,0 @@\n-d\n@@ -12 +11 @@\n-e\n+f\n";
    expect([...parseAddedLines(diff)]).toEqual(["a.ts:3", "a.ts:4", "a.ts:11"]);
  });
});

describe("the ratchet", () => {
  const allowed = { words: 5, names: 3, longFunctions: 1 };

  it("accepts equal counts", () => {
    expect(ratchet({ ...allowed }, allowed)).toEqual([]);
  });

  it("refuses a higher count, with count, bound and next step", () => {
    const problems = ratchet({ ...allowed, words: 6 }, allowed);
    expect(problems.map(problemLine)).toEqual(["words: 6, allowed 5; next: use the replacement listed"]);
  });

  it("demands a lower bound when a count has fallen", () => {
    const problems = ratchet({ ...allowed, names: 2 }, allowed);
    expect(problems).toMatchObject([{ key: "names", count: 2, bound: 3 }]);
    expect(problems.map(problemLine).join()).toContain("lower the bound in allowed.json to 2");
  });

  it("counts words of all areas, but names and functions of the product only", () => {
    const word = WORD_RULES.map(({ pattern }) => pattern).find((pattern) => /^\w+$/.test(pattern));
    const long = `export function run() {\n${"\n".repeat(60)}}\n`;
    const text = `// ${word}\nconst found = 1;\n${long}`;
    const measured = measureFiles(["plan/a.ts", "test/a.test.ts"].map((file) => ({ file, text })));
    expect(countsOf(measured)).toEqual({ words: 2, names: 1, longFunctions: 1 });
    expect(reportText(measured)).toMatch(/names to replace +1 of 2 \(50\.0 %\)/);
  });

  it("has bounds for exactly the counts that are measured", () => {
    const path = join(import.meta.dirname, "../../setup/dev/measures/allowed.json");
    expect(Object.keys(JSON.parse(readFileSync(path, "utf8")))).toEqual(
      Object.keys(countsOf(measureFiles([]))),
    );
  });
});

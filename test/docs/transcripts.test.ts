import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { pagesWith, stableTranscripts } from "../../setup/dev/docs/record.ts";
import { terminalPicture } from "../../setup/dev/docs/terminal.ts";
import { NOT_COMPARED, TRANSCRIPTS, transcriptOf, withTranscript } from "../../setup/dev/docs/transcripts.ts";

const root = join(import.meta.dirname, "../..");
const page = (path: string) => readFileSync(join(root, path), "utf8");

describe("the pages of docs/", () => {
  it("show what the commands print (else: ./warmbox docs)", { timeout: 120_000 }, async () => {
    const texts = await stableTranscripts(root, ({ needsEngine }) => needsEngine !== true);
    expect(texts.size).toBeGreaterThan(5);
    for (const [path, text] of pagesWith(root, texts)) expect(page(path), path).toBe(text);
  });

  it.each(TRANSCRIPTS.filter(({ isStable }) => !isStable))("say that no test compares $name", (entry) => {
    const text = transcriptOf(page(entry.page), entry.name);
    expect(text).toMatch(new RegExp(`^\\$ \\./warmbox ${entry.command}\n.`));
    expect(page(entry.page)).toContain(withTranscript(page(entry.page), entry, text));
    expect(withTranscript(page(entry.page), entry, text)).toContain(NOT_COMPARED);
  });

  it("show status with the columns and rows of today's report", () => {
    const report = readFileSync(join(root, "ops/status/report.ts"), "utf8");
    const lines = transcriptOf(page("docs/operations.md"), "status").split("\n").slice(1);
    const columns =
      lines
        .find((line) => line.includes("STATE"))
        ?.trim()
        .split(/ {2,}/) ?? [];
    const rows = lines.flatMap((line) => /^ {2}([a-z-]+) /.exec(line)?.[1] ?? []);
    expect(columns.length).toBeGreaterThan(3);
    expect(rows).toEqual(expect.arrayContaining(["sccache", "bazel-remote", "cargo", "memory", "disk"]));
    for (const word of [...columns, ...rows]) expect(report.toLowerCase()).toContain(word.toLowerCase());
  });
});

describe("a transcript", () => {
  const entry = { name: "x", page: "p.md", command: "x", isStable: true };

  it("replaces the one before, and nothing else", () => {
    const empty = "a\n<!-- recorded: x -->\n<!-- recorded end -->\nb\n";
    const first = withTranscript(empty, entry, "$ ./warmbox x\n1");
    expect(transcriptOf(first, "x")).toBe("$ ./warmbox x\n1");
    expect(withTranscript(first, entry, "$ ./warmbox x\n2")).toBe(first.replace("\n1\n", "\n2\n"));
    expect([
      first.startsWith("a\n<!-- recorded: x -->\n"),
      first.endsWith("<!-- recorded end -->\nb\n"),
    ]).toEqual([true, true]);
  });

  it("needs its place", () => {
    expect(() => withTranscript("text", entry, "y")).toThrow(
      "no place for the transcript x; next: add the lines <!-- recorded: x --> and <!-- recorded end -->",
    );
  });
});

it("the picture has every line of its transcripts, escaped", () => {
  const picture = terminalPicture(["$ ./warmbox up\n + a <b> & c", "d"]);
  expect([...picture.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, text]) => text)).toEqual([
    ...["$ ./warmbox up", " + a &lt;b&gt; &amp; c", "d"],
  ]);
});

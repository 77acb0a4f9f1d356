import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { anchorsOf, commandIssues, linkIssues, pathIssues } from "../../setup/dev/docs/links.ts";
import { trackedFiles } from "../../setup/dev/measures/tracked.ts";

const root = join(import.meta.dirname, "../..");

describe("the documentation", () => {
  const pages = trackedFiles(root).filter(({ file }) => file.endsWith(".md"));
  const help = spawnSync(process.execPath, [join(root, "setup/run.mjs"), "--help"], { encoding: "utf8" });
  const commands = new Set([...help.stdout.matchAll(/^ {2}([a-z-]+) {2,}\S/gm)].map(([, name = ""]) => name));

  it("is on many pages, and the help lists the commands", () => {
    expect(pages.length).toBeGreaterThan(25);
    expect([...commands]).toEqual(expect.arrayContaining(["up", "status", "doctor"]));
  });

  it("has no broken link", () => {
    expect(pages.flatMap(({ file, text }) => linkIssues(root, file, text))).toEqual([]);
  });

  it("names no path that does not exist", () => {
    const current = pages.filter(({ file }) => file !== "CHANGELOG.md"); // it names paths of former versions
    expect(current.flatMap(({ file, text }) => pathIssues(root, file, text))).toEqual([]);
  });

  it("names no command that does not exist", () => {
    expect(pages.flatMap(({ file, text }) => commandIssues(commands, file, text))).toEqual([]);
  });

  it("links every page of docs/", () => {
    const text = pages.map((page) => page.text).join("\n");
    const names = pages.map(({ file }) => file).filter((file) => /^docs\/[^/]+\.md$/.test(file));
    expect(names.filter((file) => !text.includes(`${file.slice("docs/".length)})`))).toEqual([]);
  });

  it("has a README of at most 150 lines", () => {
    expect(pages.find(({ file }) => file === "README.md")?.text.split("\n").length).toBeLessThanOrEqual(151);
  });
});

describe("the check", () => {
  const folder = mkdtempSync(join(tmpdir(), "warmbox-links-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "a.md"), "# Title\n\n## What `x` is, twice\n\n```\n# no heading\n```\n");
  const reasons = (text: string) =>
    linkIssues(folder, "b.md", text).map(({ target, reason }) => [target, reason]);

  it("accepts files, anchors and https addresses", () => {
    expect(
      reasons("[a](a.md) [b](a.md#title) ![c](a.md#what-x-is-twice) [d](https://example.com/x)"),
    ).toEqual([]);
    expect(reasons("`[a](none.md)`\n\n```\n[a](none.md)\n```\n")).toEqual([]);
  });

  it("reports missing files and headings, and malformed addresses", () => {
    expect(reasons("[a](none.md) [b](a.md#no-heading) [c](http://example.com) [d](../x.md)")).toEqual([
      ["none.md", "no such file"],
      ["a.md#no-heading", "no such heading"],
      ["http://example.com", "an external link is a complete https address"],
      ["../x.md", "it leaves the project"],
    ]);
  });

  it("counts equal headings as GitHub does", () => {
    expect([...anchorsOf("# A b\n## A b\n### A, [b](c.md)!\n")]).toEqual(["a-b", "a-b-1", "a-b-2"]);
  });

  it("reports paths and commands that do not exist", () => {
    expect(pathIssues(folder, "b.md", "`host/none.sh` `~/host/x` `host/$NAME`")).toMatchObject([
      { target: "host/none.sh" },
    ]);
    expect(commandIssues(new Set(["up"]), "b.md", "`./warmbox up` `./warmbox upp --x`")).toMatchObject([
      { target: "./warmbox upp" },
    ]);
  });
});

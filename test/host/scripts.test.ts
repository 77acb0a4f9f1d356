import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { partsOf, scriptText } from "../../host/scripts.ts";
import { run } from "../support/process.ts";
import { SCRIPTS } from "./sent.ts";
import { hostTextFile } from "./text-file.ts";

const SHELLS = [["dash"], ["bash"], ["busybox", "sh"]];
/** Folders of whole files, which are no parts of one program. */
const WHOLE = ["bin", "lib"];
const folders = readdirSync(SCRIPTS, { withFileTypes: true }).filter((entry) => entry.isDirectory());
const NAMES = folders.filter(({ name }) => !WHOLE.includes(name)).map(({ name }) => `${name}.sh`);
const PARTS = NAMES.flatMap(partsOf);
const LIB = readdirSync(join(SCRIPTS, "lib")).map((name) => `lib/${name}`);
const fileOf = (part: string) => readFileSync(join(SCRIPTS, part), "utf8");
/** What a program names as needed, and its own parts. */
const sources = (name: string) => {
  const parts = partsOf(name);
  const needs = /^# Needs: (.+)$/m.exec(fileOf(parts[0] ?? name))?.[1]?.split(" ") ?? [];
  return [...needs, ...parts];
};

describe("a text in parts", () => {
  it("is there", () => expect(NAMES).toEqual(expect.arrayContaining(["prove.sh", "warmbox.sh"])));

  it.each(NAMES)("%s is what it needs and its parts, one after another, and nothing else", (name) => {
    const parts = partsOf(name);
    expect(parts.length).toBeGreaterThan(1);
    expect(scriptText(name)).toBe(sources(name).map(fileOf).join(""));
    expect(readdirSync(join(SCRIPTS, name.replace(".sh", ""))).length).toBe(parts.length);
    expect(existsSync(join(SCRIPTS, name)), "a file of that name, which nothing would read").toBe(false);
  });

  it.each(NAMES)("%s has parts that every locale sorts the same way", (name) => {
    const numbers = partsOf(name).map((part) => /\/(\d\d)-[a-z0-9-]+\.sh$/.exec(part)?.[1] ?? part);
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(numbers.filter((number) => number.length !== 2)).toEqual([]);
  });

  it.each([...PARTS, ...LIB])("%s ends with a line, after a head that says what it holds", (part) => {
    const text = fileOf(part);
    expect(text).toMatch(/^# --- [^-].*[^-]\n|^(#!.*\n)?# .*\n# On a host it is one file/);
    expect(text).toMatch(/\S\n$/);
  });

  it.each(SHELLS)("is whole to %s, and each part by itself", async (...shell) => {
    for (const file of [...NAMES.map(hostTextFile), ...[...PARTS, ...LIB].map((part) => join(SCRIPTS, part))])
      expect(await run([...shell, "-n", file])).toEqual({ code: 0, stdout: "", stderr: "" });
  });
});

it("a shared file is joined once, before the first program that needs it", () => {
  expect(sources("warmbox.sh")).toContain("lib/paths.sh");
  expect(scriptText("warmbox.sh", "supervise.sh", "warmbox.sh")).toBe(
    scriptText("warmbox.sh") + scriptText("supervise.sh"),
  );
});

it("a text in one file is that file", () => {
  expect(partsOf("supervise.sh")).toEqual([]);
  expect(scriptText("supervise.sh")).toBe(readFileSync(join(SCRIPTS, "supervise.sh"), "utf8"));
  expect(() => scriptText("missing.sh")).toThrow("missing.sh");
});

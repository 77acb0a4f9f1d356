import { spawnSync } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { globOf, leftOut, missingPrograms } from "../../setup/dev/test-programs.ts";

test("a program counts as missing only where no directory of PATH or of root has it", () => {
  const directory = mkdtempSync(join(tmpdir(), "warmbox-programs-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  mkdirSync(join(directory, "bin"));
  const without = missingPrograms("");
  expect(without).toContain("busybox"); // in /bin or /usr/bin, which are not root's own
  writeFileSync(join(directory, "bin", "busybox"), "");
  expect(missingPrograms(join(directory, "bin"))).toEqual(without.filter((name) => name !== "busybox"));
});

const ROOT = join(import.meta.dirname, "../..");

test("nothing is left out where nothing is missing", () => {
  expect(leftOut([], true)).toEqual({ suites: [], text: "" });
});

test("what is left out is named with what it takes, and left out of both kinds of suites", () => {
  const { suites, text } = leftOut(["unshare", "dash"], false);
  expect(text).toMatch(
    /^NOT RUN on this machine:\n {2}without root's rights: test\/systemd\/\*\* .*\n {4}next: run them as root\n/,
  );
  expect(text).toMatch(/ {2}without unshare: .* test\/ops\/warm.heavy\*\n {4}next: install util-linux\n/);
  const globs = suites.map(globOf);
  for (const glob of globs) expect(globSync(glob, { cwd: ROOT }), glob).not.toEqual([]);
  const listed = spawnSync(process.execPath, ["node_modules/vitest/vitest.mjs", "list", "--filesOnly"], {
    cwd: ROOT,
    env: { ...process.env, WARMBOX_TESTS_LEFT_OUT: globs.join(" ") },
    encoding: "utf8",
  }).stdout;
  const left = listed.split("\n").filter((line) => suites.some((suite) => line.includes(suite)));
  expect(left).toEqual([]);
  expect(listed).toContain("test/setup/pulumi.test.ts");
  expect(listed).toContain("test/setup/cli.heavy.test.ts");
});

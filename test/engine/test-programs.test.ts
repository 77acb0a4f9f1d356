import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { missingPrograms } from "../../engine/test-programs.ts";

test("a program counts as missing only where no directory of PATH or of root has it", () => {
  const directory = mkdtempSync(join(tmpdir(), "warmbox-programs-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  mkdirSync(join(directory, "bin"));
  const without = missingPrograms("");
  expect(without).toContain("busybox"); // in /bin or /usr/bin, which are not root's own
  writeFileSync(join(directory, "bin", "busybox"), "");
  expect(missingPrograms(join(directory, "bin"))).toEqual(without.filter((name) => name !== "busybox"));
});

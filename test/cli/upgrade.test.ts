/** A clone of version 0.1 after `git pull`, with real git and with the line of docs/upgrade.md. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { declarationOf, readStackFile } from "../../stacks/stack-file.ts";

const ROOT = join(import.meta.dirname, "../..");
/** The last commit that tracked stack files. */
const OLD = "3ccc9a6";
const hasHistory = spawnSync("git", ["cat-file", "-e", `${OLD}^{commit}`], { cwd: ROOT }).status === 0;

let folder: string;
let clone: string;

const git = (cwd: string, ...args: string[]) =>
  execFileSync("git", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "warmbox-clone-"));
  if (!hasHistory) return;
  const origin = join(folder, "origin");
  clone = join(folder, "clone");
  git(folder, "init", "--quiet", "--bare", "--initial-branch=main", origin);
  git(ROOT, "push", "--quiet", origin, `${OLD}:refs/heads/main`);
  git(folder, "clone", "--quiet", origin, clone);
  git(ROOT, "push", "--quiet", "--force", origin, "HEAD:refs/heads/main");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string) => join(clone, "stacks", `Pulumi.${name}.yaml`);

describe.skipIf(!hasHistory)(
  `a clone of ${OLD}${hasHistory ? "" : " (left out: the history is shallow)"}`,
  () => {
    it("without changes is moved by git pull: each stack declares what it declared", () => {
      const project = { stackDirectory: join(clone, "stacks") };
      const names = ["local", "s3", "fleet"];
      const before = names.map((name) => readStackFile(project, name));
      git(clone, "pull", "--quiet");
      expect(existsSync(file("local"))).toBe(false);
      for (const [index, name] of names.entries()) {
        expect(declarationOf(project, name)).toContain("examples");
        const { extends: _name, ...stack } = readStackFile(project, name);
        expect(stack).toEqual(before[index]);
      }
    });

    it("with edits and a salt is refused by git, and moved without loss by one line", () => {
      const edited = `encryptionsalt: v1:abc\n${readFileSync(file("local"), "utf8").replace("total: 4", "total: 6")}`;
      writeFileSync(file("local"), edited);
      writeFileSync(file("team"), "config: {}\n");
      const refused = spawnSync("git", ["pull"], { cwd: clone, encoding: "utf8" });
      expect(refused.stderr).toContain("stacks/Pulumi.local.yaml");
      expect(readFileSync(file("local"), "utf8")).toBe(edited);

      const [, line = ""] =
        /^ +(mkdir \.kept .*)$/m.exec(readFileSync(join(ROOT, "docs/upgrade.md"), "utf8")) ?? [];
      execFileSync("sh", ["-c", line], { cwd: clone, stdio: "ignore" });
      expect(git(clone, "rev-parse", "HEAD")).toBe(git(ROOT, "rev-parse", "HEAD"));
      expect(readFileSync(file("local"), "utf8")).toBe(edited);
      expect(readFileSync(file("team"), "utf8")).toBe("config: {}\n");
      expect(git(clone, "status", "--porcelain")).toBe("");
      expect(readStackFile({ stackDirectory: join(clone, "stacks") }, "local").hosts.this?.agents.total).toBe(
        6,
      );
    });
  },
);

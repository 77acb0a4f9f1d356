/** Flags that npm keeps for itself, with npm itself. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { refuseSwallowedFlags } from "../../setup/npm-flags.ts";

const FLAGS = ["yes", "diff", "message", "preview-only", "stack"];

const ROOT = join(import.meta.dirname, "../..");

describe("a flag that npm kept", () => {
  test.each([
    ["destroy", ["--preview-only"], "npm run destroy -- --preview-only"],
    ["up", ["--stack", "s3"], "npm run up -- --stack s3"],
    ["up", ["--target=urn:x", "--diff"], "npm run up -- --diff --target urn:x"],
    ["pulumi", ["refresh", "--skip-preview"], "npm run pulumi -- refresh --skip-preview"],
    ["up", ["--policy-pack=x"], "npm run up -- --policy-pack x"], // in no table: the CLI itself lists it
    ["destroy", ["--preview-olny"], "npm run destroy -- --preview-only"], // not misspelt into a plain destroy
    ["status", ["--host", "box"], "npm run status -- --host box"],
  ])("npm run %s %j does nothing and says how it is meant", (command, args, next) => {
    const env = { ...process.env, npm_config_update_notifier: "false" };
    const done = spawnSync("npm", ["run", "--silent", command, ...args], {
      cwd: ROOT,
      env,
      encoding: "utf8",
    });
    expect(done.stderr).toMatch(/^warmbox: npm kept --.* for itself, nothing was done\. Next: /m);
    expect(done.stderr).toContain(`put -- before the flags: ${next}\n`);
    expect(done.status).toBe(2);
  });

  test("what npm sets by itself is no flag", () => {
    const env = { npm_config_diff: "", npm_config_message: "%s", npm_config_cache: "/c" };
    refuseSwallowedFlags("up", [], FLAGS, { ...env, npm_lifecycle_event: "up" });
  });

  test("a variable of npm's that another script of npm's has is no flag", () => {
    refuseSwallowedFlags("up", [], FLAGS, { npm_config_stack: "x", npm_lifecycle_event: "test" });
  });

  test("--yes is only reported, because a user's npmrc may set it for npm", () => {
    const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    refuseSwallowedFlags("up", [], FLAGS, { npm_config_yes: "true", npm_lifecycle_event: "up" });
    expect(write).toHaveBeenCalledWith("warmbox: npm kept --yes for itself; with it: ./warmbox up --yes\n");
    write.mockRestore();
  });
});

/** The units of the example box, and systemd's own judgement of a unit file. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CachePlan } from "../../plan/cache-plan.ts";
import { bazelRemoteUnit } from "../../render/bazel-remote/bazel-remote-unit.ts";
import { sccacheUnit } from "../../render/sccache/sccache-unit.ts";
import type { UnitScope } from "../../render/systemd/unit-shared.ts";
import { boxInput } from "./box.ts";

/** Both daemons. */
export type UnitName = "bazel-remote" | "sccache";

/** What a unit is made from; a test changes one of these at a time. */
export type UnitExample = {
  plan: CachePlan;
  scope: UnitScope;
  tool?: string;
  configPath: string;
  user: string;
  environment: Record<string, string>;
};

/** A 16 GiB, 8-core box. */
export function example(scope: UnitScope): UnitExample {
  const dirs = { sccache: { dir: "/var/cache/sccache" }, "bazel-remote": { dir: "/var/cache/bazel-remote" } };
  const { plan } = boxInput(scope === "system" ? { scope, ...dirs } : {});
  return {
    plan,
    scope,
    configPath: "/etc/warmbox/config",
    user: "ci",
    environment: { GOGC: "50", EXTRA: "a b" },
  };
}

/** The text of one unit. */
export function render(name: UnitName, { plan, tool, ...rest }: UnitExample): string {
  const input = { ...rest, toolPath: tool ?? `/usr/local/share/warmbox/tools/${name}/1.0.0/${name}` };
  return name === "sccache" ? sccacheUnit(plan, input) : bazelRemoteUnit(plan, input);
}

/** Runs systemd-analyze on the unit, with a program at its path; everything it said. */
export async function analyze(
  name: UnitName,
  input: UnitExample,
  words: string[],
): Promise<{ out: string; err: string }> {
  const home = mkdtempSync(join(tmpdir(), "warmbox unit-"));
  try {
    const tool = join(home, name);
    writeFileSync(tool, "#!/bin/sh\n", { mode: 0o755 });
    const unit = join(home, `${name}.service`);
    writeFileSync(unit, render(name, { ...input, tool }));
    const env = { ...process.env, HOME: home, XDG_RUNTIME_DIR: home };
    return await run([`--${input.scope}`, "--man=no", ...words, unit], env);
  } finally {
    rmSync(home, { recursive: true });
  }
}

function run(argv: string[], env: NodeJS.ProcessEnv): Promise<{ out: string; err: string }> {
  return new Promise((resolve, reject) => {
    execFile("systemd-analyze", argv, { env }, (error, out, err) => {
      if (error && "code" in error && error.code === "ENOENT")
        reject(
          new Error("systemd-analyze not found: install systemd (apt-get install systemd); it need not run"),
        );
      else resolve({ out, err });
    });
  });
}

import { expect, it } from "vitest";
import { cleanEnv, DAEMON_PATH } from "../../render/lib/clean-env.ts";
import { run } from "../support/process.ts";

it("hands a daemon what is listed and nothing else", async () => {
  const value = "it's $HOME\\";
  const result = await run(["/bin/sh", "-c", `${cleanEnv("/home/a b", { X: value })} env`], {
    env: { PATH: process.env.PATH ?? "", AWS_PROFILE: "theirs", AZURE_TENANT_ID: "theirs" },
  });
  expect(result.stdout.trim().split("\n").sort()).toEqual([
    "HOME=/home/a b",
    `PATH=${DAEMON_PATH}`,
    `X=${value}`,
  ]);
});

import { describe, expect, test } from "vitest";
import { cleanEnv, hostAddress, reachPrefix, runScript } from "../../host/reach.ts";
import { hostOf } from "../plan/machine.ts";

const LOCAL = reachPrefix(hostOf());
const LIMIT = { timeoutSeconds: 20 };

describe("reachPrefix", () => {
  test("this machine", () => {
    expect(LOCAL).toEqual(["/bin/sh", "-s", "--"]);
  });

  test("ssh, with the user's own configuration for the rest", () => {
    const reach = { kind: "ssh", host: "forge", user: "ci" };
    const bounded =
      "-o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=15 -o ServerAliveInterval=15 -o ServerAliveCountMax=3 -o ClearAllForwardings=yes -o ForwardAgent=no -o RequestTTY=no -o RemoteCommand=none";
    const options = `${bounded} -o ControlMaster=auto -o ControlPersist=60 -o ControlPath=~/.ssh/warmbox-%C`;
    const prefix = (over: object) => reachPrefix(hostOf({ reach: { ...reach, ...over } })).join(" ");
    expect(prefix({})).toBe(`ssh ${options} ci@forge -- sh -s --`);
    expect(prefix({ port: 2222 })).toBe(`ssh ${options} -p 2222 ci@forge -- sh -s --`);
    const root = hostOf({ scope: "system", reach: { ...reach, sudo: true } });
    expect(reachPrefix(root).join(" ")).toBe(`ssh ${options} ci@forge -- sudo -n sh -s --`);
    expect(prefix({ multiplex: false })).toBe(`ssh ${bounded} -o ControlPath=none ci@forge -- sh -s --`);
    expect(reachPrefix(hostOf({ reach: { kind: "ssh", host: "forge" } }))).toContain("forge");
  });

  test("a host's place is its machine and user, not ssh's options", () => {
    const place = (over: object) => hostAddress(hostOf({ reach: { kind: "ssh", host: "forge", ...over } }));
    expect(place({})).toBe("forge");
    expect(place({ multiplex: false })).toBe("forge");
    expect(place({ user: "ci", port: 2222 })).toBe("ci@forge:2222");
    expect(hostAddress(hostOf())).toBe("this machine");
  });

  test("does not depend on who runs it", () => {
    const before = process.env.HOME;
    process.env.HOME = "/somewhere/else";
    try {
      const ssh = hostOf({ reach: { kind: "ssh", host: "forge" } });
      expect(reachPrefix(ssh).join(" ")).not.toContain("/somewhere");
    } finally {
      process.env.HOME = before;
    }
  });
});

describe("runScript", () => {
  test("hands over words, and returns output and status", async () => {
    const script = 'printf "%s|" "$@"; echo oops >&2; exit 3';
    const words = ["two words", "it's", "$HOME", "*", "ünï"];
    expect(await runScript(LOCAL, words, script, LIMIT)).toEqual({
      stdout: "two words|it's|$HOME|*|ünï|",
      stderr: "oops\n",
      code: 3,
      timedOut: false,
    });
  });

  test("a script that exits before all of its text is sent is not an error of warmbox", async () => {
    const long = `exit 4\n${"# filler\n".repeat(200_000)}`;
    expect((await runScript(LOCAL, [], long, LIMIT)).code).toBe(4);
  });

  test("ends the script and what it started when its time is up", async () => {
    const result = await runScript(LOCAL, [], 'sleep 300 & echo "$!"; wait', { timeoutSeconds: 1 });
    expect(result).toMatchObject({ timedOut: true, code: null });
    // Gone, or dead and not yet collected by process 1.
    const state = `sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null; :`;
    const left = await runScript(LOCAL, [result.stdout.trim()], state, LIMIT);
    expect(left.stdout).toMatch(/^(Z.*\n)?$/);
  });

  test("a program left in the background does not hold the answer back", async () => {
    const result = await runScript(LOCAL, [], '(sleep 300) & echo "$!"', { timeoutSeconds: 60 });
    expect(result).toMatchObject({ code: 0, timedOut: false });
    process.kill(Number(result.stdout.trim()), "SIGKILL");
  });

  test("names a program that is not there", async () => {
    await expect(runScript(["/no/such/ssh"], [], "", LIMIT)).rejects.toThrow(
      "cannot start /no/such/ssh: spawn /no/such/ssh ENOENT",
    );
  });

  test("shows the script nothing of a Pulumi program's environment", async () => {
    process.env.PULUMI_CONFIG = '{"warmbox:s3SecretAccessKey":"hunter2"}';
    try {
      expect((await runScript(LOCAL, [], "env", LIMIT)).stdout).not.toMatch(/PULUMI|hunter2/);
    } finally {
      delete process.env.PULUMI_CONFIG;
    }
  });
});

test("cleanEnv keeps what a login sets", () => {
  const env = {
    HOME: "/h",
    PATH: "/bin",
    SSH_AUTH_SOCK: "/s",
    AWS_SECRET_ACCESS_KEY: "k",
    NODE_OPTIONS: "x",
    SCCACHE_DIR: "/d",
  };
  expect(cleanEnv(env)).toEqual({ HOME: "/h", PATH: "/bin", SSH_AUTH_SOCK: "/s" });
});

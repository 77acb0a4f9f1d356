import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../../support/free-port.ts";
import { heredoc, TestHost } from "./host.ts";
import { shells } from "./shells.ts";

/**
 * A host where every command is an applet of busybox, as in a small container. Nothing else is on its PATH but flock,
 * which Debian's busybox leaves to util-linux.
 */
function hostOfApplets(): TestHost {
  const busybox = shells().find(({ name }) => name === "busybox");
  if (busybox === undefined) throw new Error("shells() has no busybox");
  const [program = "", flock = ""] = ["busybox", "flock"].map((name) =>
    execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim(),
  );
  const host = new TestHost({ name: "busybox", argv: [program, "sh"] });
  onTestFinished(() => host.dispose());
  const bin = join(host.root, "bin");
  mkdirSync(bin);
  execFileSync(program, ["--install", "-s", bin]);
  if (!existsSync(join(bin, "flock"))) symlinkSync(flock, join(bin, "flock"));
  host.env.PATH = bin;
  host.installLibrary();
  return host;
}

test("a host with busybox alone: files, a service, drift, a failed start, and remove", async () => {
  const host = hostOfApplets();
  const port = await freePort();
  host.write(".cargo/config.toml", "[build]\r\njobs = 4", 0o600);
  host.write(".profile", "umask 022", 0o640);
  const before = host.contents();
  const body = (setting: string) => `directory .cache/demo 0700
put .config/demo.conf 0640 ${heredoc(`setting ${setting}\n`)}
put secret.env 0600 secret ${heredoc("KEY=x\n")}
include .cargo/config.toml warmbox.toml
block .profile env ${heredoc("export WARM=1\n")}
put bin/daemon 0755 check=sh ${heredoc(`#!/bin/sh\n[ ${setting} != bad ] || exit 3\nexec httpd -f -p 127.0.0.1:${port} -h "$HOME/.cache/demo"\n`)}
service demo kind=process file=bin/daemon ready='http 127.0.0.1:${port}/' ready_timeout=30 stop_timeout=5
live demo of=.config/demo.conf '{ print }' 'cat "$HOME/.config/demo.conf"'`;
  const library = { name: "library" };
  expect(await host.apply(body("one"), library)).toMatchObject({ code: 0, stderr: "" });
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404);
  const applied = host.tree();
  expect(await host.apply(body("one"), library)).toMatchObject({ code: 0, stderr: "" });
  expect(host.tree()).toEqual(applied);
  host.write(".config/demo.conf", "setting nine\n", 0o640);
  expect((await host.observe()).stdout).toContain("|-setting one\n|+setting nine\n");
  const failed = await host.apply(body("bad"), { ...library, generation: 2 });
  expect([failed.code, failed.stderr]).toEqual([78, expect.stringContaining("the previous state is back")]);
  expect(await host.apply(body("two"), { ...library, generation: 3 })).toMatchObject({ code: 0, stderr: "" });
  expect((await host.observe()).stdout).toMatch(/ledger library owner=local generation=3\n$/);
  expect(await host.remove(body("two"), library)).toMatchObject({ code: 0, stderr: "" });
  expect(host.contents()).toEqual(before);
});

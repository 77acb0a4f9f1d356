import { describe, expect, it } from "vitest";
import { localIssues } from "../../plan/host-issues.ts";
import { gib } from "../../stacks/bytes.ts";
import { ConfigError } from "../../stacks/issue.ts";
import { disk, hostOf, machine } from "../plan/machine.ts";
import { type Declared, described } from "./described.ts";

/** The whole report of a host that is refused. */
function report(declared: Declared): string {
  try {
    described(declared);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  return "no fault";
}

const PLAIN = machine(gib(16), 8, gib(400));
const cargo = (version: string | null) => ({
  tools: { ...PLAIN.tools, cargo: { path: "/usr/bin/cargo", version } },
});

describe("cargo before 1.94", () => {
  const OLD = `1 problem in the stack's configuration; nothing was changed.
  warmbox:hosts.box.cargo.config
    got:      include, and /usr/bin/cargo there is 1.85.0
    expected: include with cargo 1.94.0 or newer, for an older one does not read it and every tier would be off; else inline
    next:     write cargo.config: inline, or bring that cargo up to date (rustup update)`;

  it("is refused with include", () => expect(report({ facts: cargo("1.85.0") })).toBe(OLD));
  it.each([
    ["is taken with inline", { host: { cargo: { config: "inline" } }, facts: cargo("1.85.0") }],
    [
      "does not matter if warmbox does not manage cargo",
      { host: { cargo: { enabled: false } }, facts: cargo("1.85.0") },
    ],
    ["is not 1.94", { facts: cargo("1.94.0") }],
    ["is not 1.100", { facts: cargo("1.100.0-nightly") }],
    ["is not one that does not say", { facts: cargo(null) }],
  ])("%s", (_name, declared) => expect(report(declared)).toBe("no fault"));
});

describe("system scope with root as the user who builds", () => {
  const user = { name: "root", uid: 0, gid: 0, home: "/root" };
  const wanted = (next: string) => `1 problem in the stack's configuration; nothing was changed.
  warmbox:hosts.box.scope
    got:      system, and root is the user who builds
    expected: another user who builds: any account of the machine could run programs as root through root's sccache
    next:     ${next}name that user in facts.user.name, or write sccache.enabled: false`;

  it("is refused on this machine, with what can be written there", () =>
    expect(report({ host: { scope: "system" }, facts: { user } })).toBe(wanted("")));
  it("is refused over ssh, with sudo as a way out", () =>
    expect(
      report({ host: { scope: "system", reach: { kind: "ssh", host: "a", user: "root" } }, facts: { user } }),
    ).toBe(wanted("log in as the user who builds and write reach.sudo: true, or ")));
  it("is taken without sccache", () =>
    expect(report({ host: { scope: "system", sccache: { enabled: false } }, facts: { user } })).toBe(
      "no fault",
    ));
});

describe("bazel-remote's directory, once the home is known", () => {
  const at = (path: string) => ({
    facts: { disks: { ...PLAIN.disks, "bazel-remote": disk(path, gib(400)) } },
  });
  const wanted = (got: string, other: string) => `1 problem in the stack's configuration; nothing was changed.
  warmbox:hosts.box.bazel-remote.dir
    got:      ${got}
    expected: a directory apart from ${other}
    next:     write another one: a stray file there stops bazel-remote's start`;

  it("is not the home itself", () =>
    expect(report(at("/home/ci"))).toBe(wanted("/home/ci", "sccache.dir, which is /home/ci/.cache/sccache")));
  it("is not where the ledgers are", () =>
    expect(report(at("/home/ci/.local/state"))).toBe(
      wanted("/home/ci/.local/state", "its ledgers' folder, which is /home/ci/.local/state/warmbox"),
    ));
  it("is anywhere else", () => expect(report(at("/data/br"))).toBe("no fault"));
});

describe("system scope on this machine", () => {
  const host = hostOf({ scope: "system" });

  it("takes root", () => expect(localIssues("box", host, 0)).toEqual([]));
  it("does not matter in user scope", () => expect(localIssues("box", hostOf(), 1000)).toEqual([]));
  it("is refused to anybody else, before anything is asked", () =>
    expect(localIssues("box", host, 1000)).toEqual([
      {
        path: "warmbox:hosts.box.scope",
        got: "system, on this machine as user 1000",
        expected: "user, or system with root on this machine",
        next: "write scope: user, or reach: {kind: ssh, host: localhost, sudo: true}",
      },
    ]));
});

import { describe, expect, it } from "vitest";
import { gib } from "../../stacks/bytes.ts";
import { machine } from "../plan/machine.ts";
import { type Declared, described } from "./described.ts";

const warnings = (declared: Declared) => described(declared).warnings;

it("an ordinary host has none", () => expect(warnings({})).toEqual([]));

describe("a key of the user's cargo configuration that wins over the one of warmbox", () => {
  const conflicts = [
    { key: "build.jobs", line: 3 },
    { key: "profile.dev.incremental", line: 8 },
  ];
  const facts = { cargoConfig: { path: "/home/ci/.cargo/config.toml", includes: true, conflicts } };
  const said = (line: number, key: string) =>
    `box: /home/ci/.cargo/config.toml:${line} sets ${key}, which wins over warmbox's value; next: delete that line, or leave it and know that this tier does not work as planned`;

  it("is named with file and line", () =>
    expect(warnings({ facts })).toEqual([said(3, "build.jobs"), said(8, "profile.dev.incremental")]));
  it("is the user's own affair where warmbox sets none", () =>
    expect(warnings({ facts, host: { cargo: { enabled: false } } })).toEqual([]));
  it("matters without sccache only as far as we still set it", () =>
    expect(warnings({ facts, host: { sccache: { enabled: false } } })).toEqual([said(3, "build.jobs")]));
});

describe("an installed tool", () => {
  const facts = (version: string) => ({
    tools: {
      ...machine(gib(16), 8, gib(400)).tools,
      sccache: { path: "/usr/bin/sccache", version },
    },
  });

  it("that is known to be bad is named with its reason", () =>
    expect(warnings({ facts: facts("0.7.7") })).toEqual([
      "box: /usr/bin/sccache is not used: sccache 0.7.7: it restores .d files that name another worktree, so cargo rebuilds for ever once that one is gone (https://github.com/mozilla/sccache/pull/2894); warmbox brings 0.19.0. Next: remove or update yours, so that no other build uses it",
    ]));
  it.each(["0.19.0", "0.99.0"])("that is good or unknown is not: %s", (version) =>
    expect(warnings({ facts: facts(version) })).toEqual([]),
  );
});

describe("a user's units without linger", () => {
  const facts = { systemd: { pid1: true, version: 252, userManager: false, linger: false } };
  const said =
    "box: ci has no systemd manager without a login, which the daemons need; up asks for one; next: if it is refused, let an administrator run loginctl enable-linger ci";

  it("are named in the preview", () => expect(warnings({ facts })).toEqual([said]));
  it("are no matter where there are none", () => {
    expect(warnings({ facts, host: { service: "process" } })).toEqual([]);
    expect(warnings({ facts: { systemd: { ...facts.systemd, pid1: false } } })).toEqual([]);
    const off = { sccache: { enabled: false }, "bazel-remote": { enabled: false } };
    expect(warnings({ facts, host: off })).toEqual([]);
  });
});

it("a bazel-remote that asks for a password is not seen into", () => {
  const host = { "bazel-remote": { settings: { htpasswd_file: "/etc/htpasswd" } } };
  expect(warnings({ host })).toEqual([
    "box: bazel-remote requires a password or TLS, so up sees that it listens but not which max_size is in force; next: look at its /status with your own credentials after an up that changed it",
  ]);
});

describe("a foreign process on a port of warmbox", () => {
  const said = (port: number, key: string) =>
    `box: something that is not warmbox's listens on TCP port ${port}, and up would fail at it; next: write another port in ${key}, or end that process (\`ss -ltnp 'sport = :${port}'\` names it)`;
  const facts = { ports: [22, 4226, 7070, 9090, 9092] };

  it("is named with the key that moves the port", () =>
    expect(warnings({ facts, stack: { s3: { kind: "embedded" } } })).toEqual([
      said(4226, "hosts.box.sccache.port"),
      said(9090, "hosts.box.bazel-remote.http_address"),
      said(9092, "hosts.box.bazel-remote.grpc_address"),
      said(7070, "s3.port"),
    ]));
  it("does no harm to what is off", () =>
    expect(
      warnings({ facts, host: { sccache: { enabled: false }, "bazel-remote": { enabled: false } } }),
    ).toEqual([]));
  it("cannot be distinguished from bazel-remote in a container", () =>
    expect(warnings({ facts: { ...facts, docker: "27" }, host: { service: "docker" } })).toEqual([
      said(4226, "hosts.box.sccache.port"),
    ]));
});

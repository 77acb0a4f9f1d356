import { describe, expect, test } from "vitest";
import { bytes, gib } from "../../stacks/bytes.ts";
import { analyze, example, render, type UnitExample, type UnitName } from "./units.ts";

/** Most exposure that `systemd-analyze security` may find in a file; a loaded unit may do better (test/systemd). */
const EXPOSURE = {
  system: { "bazel-remote": 1.4, sccache: 4.0 },
  user: { "bazel-remote": 6.5, sccache: 7.0 },
};
const ALL = (["system", "user"] as const).flatMap((scope) =>
  (["bazel-remote", "sccache"] as const).map((name) => ({ scope, name })),
);

describe.each(ALL)("$name, $scope scope", ({ scope, name }) => {
  test("golden file", async () => {
    await expect(render(name, example(scope))).toMatchFileSnapshot(`../golden/${name}-${scope}.service`);
  });

  test("systemd reads it without a word", async () => {
    expect(await analyze(name, example(scope), ["verify"])).toEqual({ out: "", err: "" });
  });

  test("exposure", async () => {
    const { out } = await analyze(name, example(scope), ["security", "--offline=true", "--no-pager"]);
    const [, exposure = "none"] = /Overall exposure level for \S+: ([\d.]+)/.exec(out) ?? [];
    expect(Number(exposure)).toBeLessThanOrEqual(EXPOSURE[scope][name]);
  });
});

test("the check above can fail: a value that systemd ignores is heard", async () => {
  const input = example("system");
  const ignored = await analyze("sccache", { ...input, plan: { ...input.plan, cores: Number.NaN } }, [
    "verify",
  ]);
  expect(ignored.err).toContain("Invalid CPU quota 'NaN%', ignoring.");
});

/** Each thing that can be changed, and the unit that must show it. */
const KNOBS: [string, UnitName, (e: UnitExample) => UnitExample][] = [
  ["toolPath", "bazel-remote", (e) => ({ ...e, tool: "/opt/bazel-remote" })],
  ["configPath", "bazel-remote", (e) => ({ ...e, configPath: "/etc/other" })],
  ["environment", "bazel-remote", (e) => ({ ...e, environment: { GOGC: "75" } })],
  [
    "dir",
    "bazel-remote",
    (e) => ({ ...e, plan: { ...e.plan, bazelRemote: { ...e.plan.bazelRemote, dir: "/var/cache/x" } } }),
  ],
  [
    "MemoryHigh",
    "bazel-remote",
    (e) => ({ ...e, plan: { ...e.plan, bazelRemote: { ...e.plan.bazelRemote, MemoryHigh: gib(3) } } }),
  ],
  [
    "LimitNOFILE",
    "bazel-remote",
    (e) => ({ ...e, plan: { ...e.plan, bazelRemote: { ...e.plan.bazelRemote, LimitNOFILE: 99 } } }),
  ],
  ["toolPath", "sccache", (e) => ({ ...e, tool: "/opt/sccache" })],
  ["configPath", "sccache", (e) => ({ ...e, configPath: "/etc/other" })],
  ["user", "sccache", (e) => ({ ...e, user: "other" })],
  ["environment", "sccache", (e) => ({ ...e, environment: { AWS_REGION: "x" } })],
  ["port", "sccache", (e) => ({ ...e, plan: { ...e.plan, sccache: { ...e.plan.sccache, port: 4227 } } })],
  ["dir", "sccache", (e) => ({ ...e, plan: { ...e.plan, sccache: { ...e.plan.sccache, dir: "/data/x" } } })],
  [
    "memory",
    "sccache",
    (e) => ({ ...e, plan: { ...e.plan, sccache: { ...e.plan.sccache, memory: bytes(5) } } }),
  ],
  [
    "builders' memory",
    "sccache",
    (e) => ({ ...e, plan: { ...e.plan, builders: { ...e.plan.builders, memory: bytes(5) } } }),
  ],
  ["cores", "sccache", (e) => ({ ...e, plan: { ...e.plan, cores: 1 } })],
];

test.each(KNOBS)("%s of %s shows in the system unit", (_, name, change) => {
  expect(render(name, change(example("system")))).not.toBe(render(name, example("system")));
});

test("sccache never runs as root", () => {
  expect(() => render("sccache", { ...example("system"), user: "root" })).toThrow(
    "sccache: user root: any account of the machine could run programs as root through it",
  );
});

test("a system cache lies where systemd can give it to the service's own user", () => {
  const e = example("system");
  const plan = { ...e.plan, bazelRemote: { ...e.plan.bazelRemote, dir: "/data/cache" } };
  expect(() => render("bazel-remote", { ...e, plan })).toThrow(
    "bazel-remote.dir: /data/cache: with scope: system bazel-remote has its own user, whose cache systemd keeps below " +
      "/var/cache/; write /var/cache/bazel-remote (a larger volume can be mounted there), or scope: user",
  );
});

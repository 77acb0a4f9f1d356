import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { UnitScope } from "../../render/systemd/unit-shared.ts";
import { demand } from "../support/process.ts";
import { until } from "../support/until.ts";
import { http, listeners } from "./ask.ts";
import { type Box, boxOf, installBox, installTools, TOOLS } from "./box.ts";
import { bootContainer, type Container } from "./container.ts";
import { USER, USER_ID } from "./rootfs.ts";

/**
 * Both units of both scopes on the real daemons, under a real systemd. What they do not show: the effect of MemoryHigh
 * and CPUQuota, where the machine's cgroups are hybrid (see container.ts).
 */
const SIZES = { "bazel-remote": "3GiB", sccache: "700MiB" };
const MAX_SIZE = 3 * 1024 ** 3;
const MAX_CACHE_SIZE = 700 * 1024 ** 2;
const HTTP_PORT = 9090;
const GRPC_PORT = 9092;
const SCCACHE_PORT = 4226;
/** Where the machine's Rust toolchain is seen in the container. */
const RUST = "/opt/rust";
const BOOT_SECONDS = 900;
const TEST_SECONDS = 300;
/** Takes rustc a second or two: fewer than a stop waits for. */
const SLOW =
  "#![allow(long_running_const_eval)] pub static N: u64 = { let mut i = 0; while i < 1_500_000 { i += 1 } i };";
const UNITS = ["bazel-remote", "sccache"] as const;
type UnitName = (typeof UNITS)[number];

/** Most exposure that `systemd-analyze security` may find: what it finds today. */
const EXPOSURE: Record<UnitScope, Record<UnitName, number>> = {
  system: { "bazel-remote": 1.2, sccache: 4.0 },
  user: { "bazel-remote": 6.5, sccache: 7.0 },
};

describe.each(["system", "user"] as const)("units of %s scope", { timeout: TEST_SECONDS * 1000 }, (scope) => {
  let container: Container;
  let box: Box;
  const owner = scope === "system" ? "root" : USER;
  const flag = scope === "system" ? [] : ["--user"];

  const systemctl = (...args: string[]) => container.demand(["systemctl", ...flag, ...args], { user: owner });
  const show = async (unit: UnitName, property: string) =>
    (await systemctl("show", "--value", `--property=${property}`, unit)).trim();
  const stats = async () => {
    const argv = [TOOLS.sccache, "--show-stats", "--stats-format=json"];
    return JSON.parse(await container.demand(argv, { user: USER }));
  };
  const remoteSize = async () => {
    const { code, body } = await http(container, "GET /status", HTTP_PORT);
    return code === 200 ? JSON.parse(body).MaxSize : undefined;
  };
  const ready = () =>
    until(
      "both daemons",
      async () =>
        (await remoteSize()) !== undefined &&
        (await listeners(container)).includes(`127.0.0.1:${SCCACHE_PORT}`),
      async () => (await container.run(["journalctl", "--no-pager", "--lines=40"])).stdout,
    );

  beforeAll(async () => {
    const sysroot = (await demand(["rustc", "--print", "sysroot"])).trim();
    container = await bootContainer({ [sysroot]: RUST });
    box = boxOf(scope, SIZES);
    await installTools(container);
    await installBox(container, scope, box);
    if (scope === "user") await container.demand(["loginctl", "enable-linger", USER]);
    await systemctl("daemon-reload");
    await systemctl("enable", "--now", ...UNITS);
    await ready();
  }, BOOT_SECONDS * 1000);
  afterAll(() => container?.stop());

  test("sizes in force are those of the plan", async () => {
    expect(await remoteSize()).toBe(MAX_SIZE);
    expect((await stats()).max_cache_size).toBe(MAX_CACHE_SIZE);
  });

  test("nothing else is listened on, and nothing beyond loopback", async () => {
    const ours = (await listeners(container)).filter((address) => !address.endsWith(":22"));
    expect(ours.sort()).toEqual([SCCACHE_PORT, HTTP_PORT, GRPC_PORT].map((port) => `127.0.0.1:${port}`));
  });

  test("limits of the plan reach the process", async () => {
    const pid = await show("bazel-remote", "MainPID");
    const environment = (await container.demand(["cat", `/proc/${pid}/environ`])).split("\0");
    expect(environment).toContain(`GOGC=${box.plan.bazelRemote.GOGC}`);
    expect(environment.find((line) => line.startsWith("GOMEMLIMIT="))).toMatch(/=\d+MiB$/);
    expect(await show("bazel-remote", "MemoryHigh")).toBe(String(box.plan.bazelRemote.MemoryHigh));
    const limits = await container.demand(["cat", `/proc/${pid}/limits`]);
    expect(limits).toMatch(new RegExp(`^Max open files +${box.plan.bazelRemote.LimitNOFILE} `, "m"));
  });

  test("runs as the right user, below the right manager", async () => {
    for (const unit of UNITS) {
      const pid = await show(unit, "MainPID");
      const user = (await container.demand(["ps", "-o", "user:32=", "-p", pid])).trim();
      const cgroup = await container.demand(["cat", `/proc/${pid}/cgroup`]);
      if (scope === "user") expect(cgroup).toContain(`/user@${USER_ID}.service/app.slice/${unit}.service`);
      else expect(cgroup).toContain(`/system.slice/${unit}.service`);
      if (scope === "user" || unit === "sccache") expect(user).toBe(USER);
      else expect(user).not.toBe("root");
    }
  });

  test("rustc works in the server: a miss, then a hit, outputs owned by the builder", async () => {
    const source = `fn_src=/tmp/probe.rs; echo 'pub fn f() -> u64 { 42 }' >"$fn_src"; rm -rf /tmp/out; mkdir /tmp/out
      ${TOOLS.sccache} ${RUST}/bin/rustc --crate-name probe --crate-type rlib --emit=dep-info,metadata,link --out-dir /tmp/out "$fn_src"
      stat -c '%U %a' /tmp/out/libprobe.rlib`;
    const build = () => container.demand(["sh", "-ec", source], { user: USER });
    expect(await build()).toBe(`${USER} 644\n`);
    expect(await build()).toBe(`${USER} 644\n`);
    const { stats: counted } = await stats();
    expect(counted.cache_misses.counts).toEqual({ Rust: 1 });
    expect(counted.cache_hits.counts).toEqual({ Rust: 1 });
  });

  test("stop is graceful, and what was stored is there again after the start", async () => {
    const hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"; // of "hello"
    expect((await http(container, `PUT /cas/${hash}`, HTTP_PORT, "hello")).code).toBe(200);
    await systemctl("stop", ...UNITS);
    for (const unit of UNITS) {
      expect(await show(unit, "Result")).toBe("success");
      expect(await show(unit, "ExecMainCode")).toBe("1"); // CLD_EXITED: no signal ended it
      expect(await show(unit, "ExecMainStatus")).toBe("0");
    }
    await systemctl("start", ...UNITS);
    await ready();
    expect(await http(container, `GET /cas/${hash}`, HTTP_PORT)).toEqual({ code: 200, body: "hello" });
  });

  test("a stop lets a compile in flight end, in the server", async () => {
    const source = `echo '${SLOW}' >/tmp/slow.rs; rm -rf /tmp/slow; mkdir /tmp/slow
      ${TOOLS.sccache} ${RUST}/bin/rustc --crate-name slow --crate-type rlib --emit=dep-info,metadata,link --out-dir /tmp/slow /tmp/slow.rs`;
    const client = container.run(["sh", "-ec", source], { user: USER });
    await until("the compiler in the server", async () => {
      const group = await show("sccache", "ControlGroup");
      const pids = (await container.demand(["cat", `/sys/fs/cgroup${group}/cgroup.procs`]))
        .trim()
        .split("\n");
      const { stdout } = await container.run(["ps", "-o", "args=", "-p", pids.join(",")]);
      return /bin\/rustc .*--emit[ =]dep-info,metadata/.test(stdout);
    });
    await systemctl("stop", "sccache");
    expect(await client).toMatchObject({ stderr: expect.not.stringContaining("sccache"), code: 0 });
    expect(await show("sccache", "ExecMainCode")).toBe("1");
    await systemctl("start", "sccache");
    await ready();
  });

  test("a killed daemon is started again", async () => {
    for (const unit of UNITS) {
      const pid = await show(unit, "MainPID");
      await container.demand(["kill", "-KILL", pid]);
      await until(`restart of ${unit}`, async () => !["0", pid].includes(await show(unit, "MainPID")));
      expect(await show(unit, "NRestarts")).toBe("1");
    }
    await ready();
    expect((await stats()).max_cache_size).toBe(MAX_CACHE_SIZE);
  });

  test("the cache directory is locked against a second bazel-remote", async () => {
    const argv = ["flock", "--nonblock", "--conflict-exit-code", "75", box.plan.bazelRemote.dir, "true"];
    expect((await container.run(argv)).code).toBe(75);
  });

  test("the unit takes its port back from a server that a client started", async () => {
    await systemctl("stop", "sccache");
    const client = ["env", "SCCACHE_CACHE_SIZE=1G", TOOLS.sccache, "--start-server"];
    await container.demand(["systemd-run", "--quiet", "--scope", `--uid=${USER}`, ...client]);
    expect((await stats()).max_cache_size).toBe(1024 ** 3);
    await systemctl("start", "sccache");
    await ready();
    expect((await stats()).max_cache_size).toBe(MAX_CACHE_SIZE);
  });

  test("a size in the manager's environment does not get through", async () => {
    await systemctl("set-environment", "SCCACHE_CACHE_SIZE=1G", "AWS_PROFILE=other");
    await systemctl("restart", ...UNITS);
    await systemctl("unset-environment", "SCCACHE_CACHE_SIZE", "AWS_PROFILE");
    await ready();
    expect((await stats()).max_cache_size).toBe(MAX_CACHE_SIZE);
    const environment = await container.demand([
      "cat",
      `/proc/${await show("bazel-remote", "MainPID")}/environ`,
    ]);
    expect(environment).not.toContain("AWS_PROFILE");
  });

  test.each(UNITS)("systemd-analyze security: %s", async (unit) => {
    const argv = ["systemd-analyze", ...flag, "security", "--no-pager", `${unit}.service`];
    const text = await container.demand(argv, { user: owner });
    const [, exposure = "none"] = /Overall exposure level for \S+: ([\d.]+)/.exec(text) ?? [];
    process.stderr.write(`systemd-analyze security, ${scope} ${unit}: ${exposure}\n`);
    expect(Number(exposure)).toBeLessThanOrEqual(EXPOSURE[scope][unit]);
  });

  test("both run again after a reboot, without a login", async () => {
    await container.reboot();
    await ready();
    expect(await remoteSize()).toBe(MAX_SIZE);
    expect((await stats()).max_cache_size).toBe(MAX_CACHE_SIZE);
  });
});

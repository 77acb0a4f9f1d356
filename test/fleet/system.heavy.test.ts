import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { demand } from "../support/process.ts";
import { USER } from "../systemd/rootfs.ts";
import { type Fleet, makeFleet } from "./hosts.ts";

/** System scope from the operator's side: the real CLI, ssh, sudo and systemd. The login user is the one who builds. */
const BOOT_MS = 900_000;
const HOST = {
  reach: { kind: "ssh", host: USER, sudo: true },
  scope: "system",
  agents: { total: 2, active: 1 },
  sccache: { max_size: "1GiB" },
  "bazel-remote": { max_size: "1GiB" },
  moon: { env: { MOON_LABEL: "two words, $HOME" } },
};

let fleet: Fleet;
let before: string;
beforeAll(async () => {
  const toolchain = (await demand(["rustc", "--print", "sysroot"])).trim();
  fleet = await makeFleet(["guest"], { [toolchain]: "/opt/rust" });
  await fleet.container.demand(["sh", "-c", "ln -s /opt/rust/bin/* /usr/local/bin/"]);
  fleet.operator.fleet("system", { box: HOST }, true);
  before = await listing();
}, BOOT_MS);
afterAll(() => fleet?.end());

/** Every file and folder that an up could have made; caches' contents aside, for they stay. */
const listing = () =>
  fleet.container.demand([
    ...["find", "/etc", "/usr/local", "/var/lib", "/var/cache", "/var/log", "/home", "/root", "-xdev"],
    ...[
      "-path",
      "/var/cache/private/bazel-remote",
      "-prune",
      "-o",
      "-path",
      "/var/cache/sccache",
      "-prune",
      "-o",
    ],
    ...["-path", "/var/log/journal", "-prune", "-o", "-path", "/var/lib/systemd", "-prune", "-o"],
    ...["-name", "bazel-remote", "-path", "/var/cache/*", "-o", "-printf", "%p %u %m\\n"],
  ]);
/** Without what cargo itself keeps in CARGO_HOME once it has built something, as the proof does. */
const withoutCargos = (listed: string): string =>
  listed.replace(/^\/home\/\w+\/\.cargo(\/(registry|\.package-cache|\.global-cache)\S*)? .*\n/gm, "");
const runs = async (...args: string[]): Promise<string> => {
  const { code, output } = await fleet.operator.warmbox(...args, "--stack", "system");
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}:\n${output}`);
  return output;
};
const userOf = async (unit: string) => {
  const pid = (await fleet.on(USER, `systemctl show --value --property=MainPID ${unit}`)).trim();
  return (await fleet.on(USER, `ps -o user:32= -p ${pid}`)).trim();
};

describe("a host in system scope", () => {
  it("runs both daemons as units, neither of them as root", async () => {
    const output = await runs("up");
    expect(output, "the proof, as the user who builds").toMatch(/moon (proved|skipped)/);
    expect(await fleet.on(USER, "systemctl is-active bazel-remote sccache")).toBe("active\nactive\n");
    expect(await userOf("sccache")).toBe(USER);
    expect(await userOf("bazel-remote")).not.toBe("root");
  });

  it("gives the login user's files to that user", async () => {
    const owners = await fleet.on(USER, "stat -c '%U %n' .cargo .cargo/config.toml .cargo/warmbox.toml");
    expect(owners).toBe(`${USER} .cargo\n${USER} .cargo/config.toml\n${USER} .cargo/warmbox.toml\n`);
    expect(await fleet.container.demand(["find", "/home", "-user", "root", "-not", "-path", "/home"])).toBe(
      "",
    );
  });

  it("is proved as that user at any time, and nothing of root's is left", async () => {
    const { code, output } = await fleet.operator.warmbox("prove", "--stack", "system");
    expect(code, output).toBe(0);
    expect(output).toMatch(/^box\n {2}sccache +(proved|skipped)/m);
    expect(
      await fleet.container.demand(["find", "/home", "/tmp", "-user", "root", "-name", "*warmbox*"]),
    ).toBe("");
  });

  describe.each([
    ["", "hidepid=0"],
    [" that do not see each other's processes", "hidepid=2"],
  ])("two users%s", (_which, option) => {
    beforeAll(() => fleet.container.demand(["mount", "-o", `remount,${option}`, "/proc"]));
    afterAll(() => fleet.container.demand(["mount", "-o", "remount,hidepid=0", "/proc"]));

    it.each([
      [USER, "guest"],
      ["guest", USER],
    ])("build in turn: %s first, then %s", async (first, second) => {
      const holder = fleet.on(
        first,
        "warmbox-run -- sh -c 'touch holds; until rm gone 2>/dev/null; do sleep 0.1; done'",
      );
      await fleet.on(first, "timeout 60 sh -c 'until rm holds 2>/dev/null; do sleep 0.1; done'");
      const next = fleet.operator.run(["ssh", second, "warmbox-run -- echo built"], fleet.operator.home);
      await fleet.on(second, "until warmbox-run --status | grep -q ', 1 waiting'; do sleep 0.1; done");
      await fleet.on(first, "touch gone");
      await holder;
      const { code, stdout, output } = await next;
      expect({ code, stdout }).toEqual({ code: 0, stdout: "built\n" });
      expect(output).toMatch(/warmbox-run: waiting, place 1 in the queue \(1 build at once\)\n/);
      expect(output).toMatch(/warmbox-run: it is our turn\n/);
    });
  });

  it("has nothing that doctor would find", async () => {
    expect(await runs("doctor")).toBe("box: nothing found\n");
  });

  it("gives every session moon's settings by PAM, as they were declared", async () => {
    await fleet.operator.hangUp(); // a session over a connection from before has the environment from before
    const env = await fleet.on(USER, "env");
    expect(env).toContain("MOON_REMOTE_HOST=grpc://127.0.0.1:9092\n");
    expect(env).toContain("MOON_LABEL=two words, $HOME\n");
  });

  it("is changed by the next up only where it drifted", async () => {
    await runs("preview", "--expect-no-changes");
    await fleet.on(
      USER,
      "sudo sed -i 's/max_size: 1/max_size: 7/' /etc/warmbox/bazel-remote.yaml && sudo systemctl stop sccache && sed -i /^include/d .cargo/config.toml",
    );
    const output = await runs("preview");
    expect(output).toMatch(/\+max_size: 7/);
    expect(output).toMatch(/\+state stopped/);
    expect(output).toMatch(/-include = /);
    expect(output).toMatch(/~ 3 to update/);
    await runs("up");
    expect(await fleet.on(USER, "systemctl is-active bazel-remote sccache")).toBe("active\nactive\n");
    await runs("preview", "--expect-no-changes");
  });

  it("shows a unit edited by hand as one update with its line", async () => {
    const unit = "/etc/systemd/system/bazel-remote.service";
    await fleet.on(USER, `sudo sed -i 's/^TimeoutStopSec=.*/TimeoutStopSec=7/' ${unit}`);
    const output = await runs("preview");
    expect(output).toMatch(/-TimeoutStopSec=120\n\s*\+TimeoutStopSec=7\n/);
    expect(output).toMatch(/~ 1 to update/);
    await runs("up");
    expect(await fleet.on(USER, "systemctl show --property=TimeoutStopUSec bazel-remote")).toBe(
      "TimeoutStopUSec=2min\n",
    );
    await runs("preview", "--expect-no-changes");
  });

  it("is as it was after destroy, the caches' contents aside", async () => {
    await runs("destroy");
    expect(withoutCargos(await listing())).toBe(withoutCargos(before));
    expect(await fleet.on(USER, "ps -A -o comm= | grep -cE 'sccache|bazel-remote' || true")).toBe("0\n");
  });
});

describe("a host in user scope, as the defaults have it", () => {
  const words = ["--stack", "defaults"];
  const status = async () => {
    const { stdout } = await fleet.operator.warmbox("status", "--json", ...words);
    return JSON.parse(stdout).hosts.box;
  };

  it("has its caches as units of its user, proved over ssh by up and at any time after", async () => {
    await fleet.container.demand(["loginctl", "enable-linger", USER]);
    fleet.operator.fleet("defaults", { box: { reach: { kind: "ssh", host: USER } } }, true);
    const up = await fleet.operator.warmbox("up", ...words);
    expect(up.code, up.output).toBe(0);
    expect(up.output).toMatch(/box-proof created/);
    const { services } = await status();
    for (const name of ["bazel-remote", "sccache"])
      expect(services[name]).toMatchObject({ kind: "systemd-user", state: "running", survivesReboot: true });
    const proof = await fleet.operator.warmbox("prove", ...words);
    expect(proof.code, proof.output).toBe(0);
    expect(proof.output).toMatch(/sccache +proved +.*as configured/);
    expect(proof.output).toMatch(/moon +skipped +there is no git/); // nor is there a way to the registry
    expect(proof.output).toMatch(/cargo +skipped +no crate can be had from the registry/);
  });

  it("builds through its cache by `ssh HOST COMMAND`", async () => {
    const before = (await status()).sccache;
    await fleet.on(USER, "cargo new --lib --vcs none --quiet built");
    for (const _ of [1, 2])
      await fleet.on(USER, "cd built && rm -rf target && ~/.local/bin/warmbox-run -- cargo build --quiet");
    const after = (await status()).sccache;
    expect([after.misses - before.misses, after.hits - before.hits]).toEqual([1, 1]);
  });

  it("loses its caches at a reboot once its user does not linger: doctor finds it, and what it prints fixes it", async () => {
    const doctor = async () => {
      const { stdout } = await fleet.operator.warmbox("doctor", "--json", ...words);
      return JSON.parse(stdout).hosts.box.findings as { id: string; fix: string }[];
    };
    expect(await doctor()).toEqual([]);
    await fleet.container.demand(["rm", `/var/lib/systemd/linger/${USER}`]);
    const found = await doctor();
    expect(found.map(({ id }) => id)).toEqual(["no-linger"]);
    const fixed = await fleet.operator.run(["sh", "-c", found[0]?.fix ?? "false"], fleet.operator.project);
    expect(fixed.code, fixed.output).toBe(0);
    expect(await doctor()).toEqual([]);
  });

  it("gives its user's home back", async () => {
    const { code, output } = await fleet.operator.warmbox("destroy", ...words);
    expect(code, output).toBe(0);
    expect(
      await fleet.on(USER, "find .local .config -type f; command -v .local/bin/warmbox-run || true"),
    ).toBe("");
  });
});

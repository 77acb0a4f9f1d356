import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { demand, run } from "../support/process.ts";
import { deadAddress, type Fleet, makeFleet, otherKnownHosts, stateOf } from "./hosts.ts";

/** Three hosts over ssh: all at once, one dead, some refused, and a connection that is cut. */
const BOOT_MS = 900_000;
const STACK = "trial";
const off = { enabled: false };
const small = (port: number, max_size = "1GiB") => ({
  service: "process",
  moon: off,
  sccache: { port, max_size },
  "bazel-remote": off,
});
const one = (max_size = "1GiB") => ({
  ...{ reach: { kind: "ssh", host: "one" }, service: "process", moon: off, cargo: off, sccache: off },
  "bazel-remote": { http_address: "127.0.0.1:4302", grpc_address: "127.0.0.1:4303", max_size },
});
/** Its CARGO_HOME is not cargo's own. */
const two = (max_size = "1GiB") => ({
  ...{ reach: { kind: "ssh", host: "two" }, ...small(4311, max_size) },
  cargo: { home: "shared cargo" },
});
const three = (max_size = "1GiB") => ({ reach: { kind: "ssh", host: "three" }, ...small(4321, max_size) });
const FACTS = {
  ...{ arch: "x86_64", memTotal: "8GiB", cpus: 4, user: { home: "/home/three" } },
  disks: { sccache: { total: "90GiB", free: "80GiB" }, "bazel-remote": { total: "90GiB", free: "80GiB" } },
};

let fleet: Fleet;
beforeAll(async () => {
  fleet = await makeFleet(["one", "two", "three"]);
}, BOOT_MS);
afterAll(() => fleet?.end());
beforeEach(() => know());

const warmbox = (...args: string[]) => fleet.operator.warmbox(...args, "--stack", STACK);
const runs = async (...args: string[]): Promise<string> => {
  const { code, output } = await warmbox(...args);
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}:\n${output}`);
  return output;
};
const hosts = (declared: Record<string, unknown>) => fleet.operator.fleet(STACK, declared);
const know = (over: Record<string, object> = {}) =>
  fleet.operator.know(["one", "two", "three"].map((user) => fleet.alias(user, over[user])));
const noChanges = () => runs("preview", "--expect-no-changes");

describe("three hosts", () => {
  it("all converge in one up, tools pushed over ssh, and the next changes nothing", async () => {
    hosts({ one: one(), two: two(), three: three() });
    expect(await runs("up")).toMatch(/\+ \d+ created/);
    for (const user of ["two", "three"])
      expect(await fleet.on(user, "ls .local/share/warmbox/tools/sccache/*/sccache")).toMatch(/sccache\n$/);
    await noChanges();
  });

  it("are changed at the same time", async () => {
    hosts({ one: one(), two: two("2GiB"), three: three("2GiB") });
    const lock = (user: string) => `/home/${user}/.local/state/warmbox/lock`;
    // both hosts are busy until a change waits on each: one after the other, the second would never come to wait
    const waits = (user: string) =>
      `until ls -l /proc/[0-9]*/fd/8 2>/dev/null | grep -q ${lock(user)}; do sleep 0.1; done`;
    const ended = warmbox("up", "--skip-preview");
    const held = `exec 5<${lock("two")} 6<${lock("three")}; flock 5; flock 6; ${waits("two")}; ${waits("three")}`;
    await fleet.container.demand(["timeout", "50", "bash", "-c", held]);
    expect((await ended).code).toBe(0);
  });

  it("run builds in turn, with the host's environment, by plain ssh and by cron's", async () => {
    const build = ".local/bin/warmbox-run -- sh -c 'echo $CARGO_HOME; command -v cargo'";
    const said = "/home/two/shared cargo\n/home/two/.cargo/bin/cargo\n";
    await fleet.on("two", "mkdir -p .cargo/bin && ln -sf /bin/true .cargo/bin/cargo");
    expect(await fleet.on("two", build)).toBe(said);
    expect(
      await fleet.on(
        "two",
        `env -i HOME="$HOME" PATH=/usr/bin:/bin LOGNAME=two /bin/sh -c '${build.replaceAll("'", `'\\''`)}'`,
      ),
    ).toBe(said);
    expect(await fleet.on("two", "bash -lc 'command -v warmbox-run'")).toBe(
      "/home/two/.local/bin/warmbox-run\n",
    );
    await fleet.on("two", "rm -r .cargo");
  });

  it("one that is dead is named and left as it is; the others converge", async () => {
    know({ three: { port: 9 } });
    await fleet.operator.hangUp();
    hosts({ one: one(), two: two("3GiB"), three: three("3GiB") });
    const before = await stateOf(fleet.operator, STACK, "three");
    const seen = await runs("preview");
    expect(seen).toMatch(/warning: hosts\.three: three \(user .*\) could not be asked/);
    expect(seen).not.toMatch(/to delete|to replace|three.*update/);
    const result = await warmbox("up");
    expect(result.code).not.toBe(0);
    expect(result.output).toMatch(/error: hosts\.three: three/);
    expect(result.output).toMatch(/port 9: Connection refused/);
    expect(result.output).toMatch(/two-sccache updated/);
    expect(await stateOf(fleet.operator, STACK, "three")).toBe(before);
    expect(await fleet.on("two", "grep -c 3221225472 .config/sccache/config")).toBe("1\n");
  });

  it("a dead one with declared facts is previewed from them", async () => {
    know({ three: { port: 9 } });
    hosts({ one: one(), two: two("2GiB"), three: { ...three(), facts: FACTS } });
    expect(await runs("preview")).toMatch(/previewed from hosts\.three\.facts/);
    know();
    hosts({ one: one(), two: two("2GiB"), three: three() });
    await runs("up");
    await noChanges();
  });

  it("one that cannot be changed does not stop the others", async () => {
    await fleet.container.demand(["chown", "-R", "root", "/home/three/.config/sccache"]);
    hosts({ one: one(), two: two("1GiB"), three: three("2GiB") });
    const result = await warmbox("up");
    expect(result.code).not.toBe(0);
    expect(result.output).toMatch(/cannot write \/home\/three\/\.config\/sccache\/config/);
    expect(result.output).toMatch(/two-sccache updated/);
    await fleet.container.demand(["chown", "-R", "three", "/home/three/.config/sccache"]);
    await runs("up");
    await noChanges();
  });
});

describe("who is refused, and the next step", () => {
  it("unknown and changed host keys, a host that drops packets, wrong user and key, sudo with a password", async () => {
    const key = join(fleet.operator.home, "unauthorized");
    await demand(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key]);
    const lax = { option: "StrictHostKeyChecking no" };
    const variants = {
      // the operator's own settings let them in
      unknown: fleet.alias("one", { ...lax, knownHostsFile: otherKnownHosts(fleet, "empty") }),
      changed: fleet.alias("one", {
        ...lax,
        knownHostsFile: otherKnownHosts(fleet, "changed", `${key}.pub`),
      }),
      silent: fleet.alias("one", { host: await deadAddress(fleet) }),
      "no-user": fleet.alias("one", { user: "no-such-user" }),
      "unauthorized-key": fleet.alias("one", { identityFile: key }),
      asks: fleet.alias("two"),
    };
    fleet.operator.know([
      ...Object.entries(variants).map(([alias, to]) => ({ ...to, alias })),
      fleet.alias("three"),
    ]);
    const small = { sccache: off, "bazel-remote": off, moon: off, cargo: off };
    const refused = (host: string, over = {}) => ({ reach: { kind: "ssh", host, ...over }, ...small });
    fleet.operator.fleet("refused", {
      three: { reach: { kind: "ssh", host: "three" }, ...small },
      ...Object.fromEntries(Object.keys(variants).map((name) => [name, refused(name)])),
      asks: { ...refused("asks", { sudo: true }), scope: "system" },
    });
    await fleet.operator.hangUp(); // an open connection would be shared, and no key would be needed
    const { code, output } = await fleet.operator.warmbox("preview", "--stack", "refused");
    expect(code, output).toBe(0);
    const said = (name: string) =>
      output
        .slice(output.indexOf("Diagnostics:"))
        .split(/(?=warning: hosts\.)/)
        .find((one) => one.startsWith(`warning: hosts.${name}:`));
    expect(said("unknown")).toMatch(/Host key verification failed[\s\S]*next: compare the host's key/);
    expect(said("changed")).toMatch(
      /verification failed[\s\S]*next: ask who runs the host whether its key changed/,
    );
    expect(said("silent")).toMatch(/could not be asked[\s\S]*Connection timed out/);
    expect(said("no-user")).toMatch(/Permission denied \([\s\S]*next: check reach\.user/);
    expect(said("unauthorized-key")).toMatch(/Permission denied \(/);
    expect(said("asks")).toMatch(
      /sudo: a password is required[\s\S]*next: let that user sudo without a password/,
    );
  });
});

describe("a connection that is cut in the middle of an apply", () => {
  const config = () =>
    fleet.on(
      "one",
      "flock .local/state/warmbox/lock grep -o 'max_size: .*' .config/bazel-remote/config.yaml",
    );

  beforeAll(async () => {
    know();
    hosts({ one: one(), two: two("1GiB"), three: three("2GiB") });
    await runs("up");
  });

  async function masters(): Promise<number[]> {
    const folder = join(fleet.operator.connections);
    const pids = await Promise.all(
      readdirSync(folder).map(async (socket) => {
        const { stderr } = await run([
          "ssh",
          "-F",
          "none",
          "-O",
          "check",
          "-S",
          join(folder, socket),
          "host",
        ]);
        return Number(/pid=(\d+)/.exec(stderr)?.[1] ?? 0);
      }),
    );
    return pids.filter((pid) => pid > 0);
  }

  /** The size that the running daemon has, GiB; empty where none answers. */
  const live = async (): Promise<string> => {
    const ask = `exec 3<>/dev/tcp/127.0.0.1/4302 && printf 'GET /status HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3`;
    const output = await fleet.on("one", `bash -c "${ask.replaceAll(/[\\$]/g, "\\$&")}" 2>/dev/null || true`);
    const size = Number(/"MaxSize": ?(\d+)/.exec(output)?.[1] ?? Number.NaN);
    return Number.isNaN(size) ? "" : `max_size: ${size / 1024 ** 3}\n`;
  };

  const applying = "! flock -n /home/one/.local/state/warmbox/lock true";
  /** Where in a change of host one the connection is cut; each is seen from its own system, and the change stops there. */
  const POINTS = {
    begun: "true",
    written: "grep -q 'max_size: SIZE$' /home/one/.config/bazel-remote/config.yaml",
    "in the daemon's start": `${"grep -q 'max_size: SIZE$' /home/one/.config/bazel-remote/config.yaml"} && pgrep -u one -x bazel-remote`,
  };

  /**
   * Starts an up that changes host one to `size` GiB, and runs `cut` while the change is paused at `point`. The change
   * then continues, as on a host that did not notice. Returns the exit code of the up.
   */
  async function cutAt(point: string, size: number, cut: () => Promise<void>): Promise<number> {
    hosts({ one: one(`${size}GiB`), two: two("1GiB"), three: three("2GiB") });
    const ended = warmbox("up", "--skip-preview");
    const there = point.replaceAll("SIZE", `${size}`);
    const stop = `until ${applying} && ${there}; do sleep 0.01; done; pkill -STOP -u one -x sh; ${applying}`;
    await fleet.container.demand(["timeout", "60", "sh", "-c", stop]);
    await cut();
    const { code } = await ended;
    await fleet.container.demand(["pkill", "-CONT", "-u", "one", "-x", "sh"]);
    return code;
  }

  const kill = async (): Promise<void> => {
    const found = await masters();
    expect(found.length).toBeGreaterThan(0);
    for (const pid of found) process.kill(pid, "SIGKILL");
  };

  it.each([
    ["begun", 2],
    ["written", 3],
    ["in the daemon's start", 4],
  ] as const)(
    "killed with the change %s: the old or the new state, and the next up completes it",
    async (at, size) => {
      const old = await config();
      expect(await cutAt(POINTS[at], size, kill)).not.toBe(0);
      const now = await config(); // waits for the change's own end
      expect([old, `max_size: ${size}\n`]).toContain(now);
      expect([now, ""]).toContain(await live());
      expect(await runs("up")).not.toMatch(/config\.yaml \(now\)/);
      expect(await config()).toBe(`max_size: ${size}\n`);
      expect(await live()).toBe(`max_size: ${size}\n`);
    },
  );

  it("a cable that is pulled is noticed, and the next up completes it", async () => {
    const route = await demand(["ip", "-o", "route", "get", fleet.container.ssh.host]);
    const link = /dev (\S+)/.exec(route)?.[1] ?? "";
    const code = await cutAt(
      POINTS.begun,
      5,
      async () => void (await demand(["ip", "link", "set", link, "down"])),
    );
    expect(code).not.toBe(0);
    await demand(["ip", "link", "set", link, "up"]);
    await fleet.operator.hangUp();
    await runs("up");
    expect(await config()).toBe("max_size: 5\n");
    await noChanges();
  });
});

describe("destroy", () => {
  it("leaves nothing but caches on any of them", async () => {
    await runs("destroy");
    for (const user of ["one", "two", "three"])
      expect(await fleet.on(user, "find . -not -path './.cache*' -not -path './.ssh*' -type f | sort")).toBe(
        "./.bash_logout\n./.bashrc\n./.profile\n",
      );
  });
});

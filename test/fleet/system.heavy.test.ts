import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { USER } from "../systemd/rootfs.ts";
import { type Fleet, makeFleet } from "./hosts.ts";

/** System scope from the operator's side: the real CLI, ssh, sudo and systemd. The login user is the one who builds. */
const BOOT_MS = 900_000;
const HOST = {
  reach: { kind: "ssh", host: USER, sudo: true },
  scope: "system",
  sccache: { max_size: "1GiB" },
  "bazel-remote": { max_size: "1GiB" },
};

let fleet: Fleet;
let before: string;
beforeAll(async () => {
  fleet = await makeFleet([]);
  fleet.operator.fleet("system", { box: HOST });
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
const runs = async (...words: string[]): Promise<string> => {
  const { code, output } = await fleet.operator.warmbox(...words, "--stack", "system");
  if (code !== 0) throw new Error(`${words.join(" ")} ended with ${code}:\n${output}`);
  return output;
};
const userOf = async (unit: string) => {
  const pid = (await fleet.on(USER, `systemctl show --value --property=MainPID ${unit}`)).trim();
  return (await fleet.on(USER, `ps -o user:32= -p ${pid}`)).trim();
};

describe("a host in system scope", () => {
  it("runs both daemons as units, neither of them as root", async () => {
    await runs("up");
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

  it("is changed by the next up only where it drifted", async () => {
    await runs("preview", "--expect-no-changes");
    await fleet.on(
      USER,
      "sudo sed -i 's/max_size: 1/max_size: 7/' /etc/warmbox/bazel-remote.yaml && sudo systemctl stop sccache && sed -i /^include/d .cargo/config.toml",
    );
    const seen = await runs("preview");
    expect(seen).toMatch(/\+max_size: 7/);
    expect(seen).toMatch(/\+state stopped/);
    expect(seen).toMatch(/-include = /);
    expect(seen).toMatch(/~ 3 to update/);
    await runs("up");
    expect(await fleet.on(USER, "systemctl is-active bazel-remote sccache")).toBe("active\nactive\n");
    await runs("preview", "--expect-no-changes");
  });

  it("is as it was after destroy, the caches' contents aside", async () => {
    await runs("destroy");
    expect(await listing()).toBe(before);
    expect(await fleet.on(USER, "ps -A -o comm= | grep -cE 'sccache|bazel-remote' || true")).toBe("0\n");
  });
});

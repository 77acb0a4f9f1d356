import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { demand, run } from "../support/process.ts";
import { bootContainer, type Container } from "./container.ts";
import { HOSTNAME, USER, USER_ID } from "./rootfs.ts";

/** The container itself: what tests of hosts over SSH rely on, and that it leaves nothing behind. */
const BOOT_SECONDS = 900;
let container: Container;
beforeAll(async () => {
  container = await bootContainer();
}, BOOT_SECONDS * 1000);
afterAll(() => container?.stop());

const ssh = (...args: string[]) =>
  run(["ssh", "-F", container.ssh.config, "-o", "BatchMode=yes", container.ssh.host, ...args]);

test("the user logs in by key, has a systemd user manager and may sudo without a password", async () => {
  expect(await ssh("id -un; sudo -n id -un; systemctl --user is-system-running; hostname")).toEqual({
    stdout: `${USER}\nroot\nrunning\n${HOSTNAME}\n`,
    stderr: "",
    code: 0,
  });
});

test("a script on stdin, as hosts are reached, with and without sudo", async () => {
  for (const [shell, name] of [
    ["sh", USER],
    ["sudo -n sh", "root"],
  ] as const) {
    const argv = ["ssh", "-F", container.ssh.config, container.ssh.host, "--", `${shell} -s -- WORD`];
    expect(await demand(argv, { stdin: 'echo "$1 $(id -un)"\nexit 0\n' })).toBe(`WORD ${name}\n`);
  }
});

test("an unknown and a changed host key are refused", async () => {
  const { host, port, user, identityFile, knownHostsFile } = container.ssh;
  const directory = mkdtempSync(join(tmpdir(), "warmbox-known-"));
  try {
    const other = join(directory, "known_hosts");
    await demand(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(directory, "key")]);
    const key = readFileSync(join(directory, "key.pub"), "utf8");
    const attempt = (known: string) =>
      run([
        ...[
          "ssh",
          "-F",
          "none",
          "-o",
          "BatchMode=yes",
          "-o",
          `UserKnownHostsFile=${known}`,
          "-o",
          "IdentitiesOnly=yes",
        ],
        ...[
          "-o",
          "StrictHostKeyChecking=yes",
          "-i",
          identityFile,
          "-p",
          `${port}`,
          `${user}@${host}`,
          "true",
        ],
      ]);
    expect((await attempt(knownHostsFile)).code).toBe(0);
    expect(await attempt(other)).toMatchObject({
      code: 255,
      stderr: expect.stringContaining("Host key verification failed"),
    });
    await demand(["sh", "-c", 'printf "%s %s" "$1" "$2" >"$3"', "sh", host, key, other]);
    expect(await attempt(other)).toMatchObject({ code: 255, stderr: expect.stringContaining("HAS CHANGED") });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("without linger the user's manager ends with the last session", async () => {
  const manager = `user@${USER_ID}.service`;
  await ssh("true");
  await container.demand(["loginctl", "terminate-user", USER]);
  await expect
    .poll(async () => (await container.run(["systemctl", "is-active", manager])).stdout, { timeout: 60_000 })
    .toBe("inactive\n");
}, 90_000);

test("input, exit code and both streams of a command come through", async () => {
  const argv = ["sh", "-c", "cat; echo wrong >&2; exit 9"];
  const outcome = { stdout: "given", stderr: "wrong\n", code: 9 };
  expect(await container.run(argv, { stdin: "given" })).toEqual(outcome);
  expect(await container.run(argv, { stdin: "given", user: USER })).toEqual(outcome);
});

test("the machine's own network is not reached", async () => {
  const routes = await container.demand(["cat", "/proc/net/route"]);
  expect(
    routes
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.split("\t")[1]),
  ).not.toContain("00000000");
});

test(
  "stop leaves nothing: no process, mount, interface, cgroup or file",
  async () => {
    const container = await bootContainer();
    const directory = dirname(dirname(container.ssh.config));
    expect(existsSync(container.root)).toBe(true);
    expect(existsSync(container.cgroup)).toBe(true);
    await container.stop();
    expect(existsSync(container.root)).toBe(false);
    expect(existsSync(directory)).toBe(false);
    expect(readFileSync("/proc/mounts", "utf8")).not.toContain(directory);
    const others = Object.values(networkInterfaces()).flatMap(
      (list) => list?.map((entry) => entry.address) ?? [],
    );
    expect(others).not.toContain(container.ssh.host.replace(/\d+$/, (last) => `${Number(last) - 1}`));
    expect(existsSync(container.cgroup)).toBe(false);
  },
  BOOT_SECONDS * 1000,
);

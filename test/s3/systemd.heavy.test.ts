/**
 * The embedded server and both daemons as systemd units on one store: in system scope each has a separate user,
 * and gets the keys of root's 0600 file from systemd.
 */
import { chmodSync, copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { librarySums } from "../../components/inspect.ts";
import { credentialsPath, storeOfHost } from "../../plan/store.ts";
import { bazelRemoteScript } from "../../render/bazel-remote/bazel-remote-resource.ts";
import { libraryScript } from "../../render/lib/library-resource.ts";
import { s3OwnCredentialsScript } from "../../render/s3/s3-credentials.ts";
import { s3Directory, s3ServerScript } from "../../render/s3/s3-server.ts";
import { sccacheScript } from "../../render/sccache/sccache-resource.ts";
import { parseStackConfig } from "../../stacks/config.ts";
import { PINNED } from "../../stacks/versions.ts";
import { sentLibrary } from "../host/sent.ts";
import { http } from "../systemd/ask.ts";
import { boxOf, installTools } from "../systemd/box.ts";
import { bootContainer, type Container } from "../systemd/container.ts";
import { USER } from "../systemd/rootfs.ts";
import { toolPath } from "../tools.ts";

const VERSITYGW = `/usr/local/share/warmbox/tools/versitygw/${PINNED.versitygw}/versitygw`;
const HTTP_PORT = 9090;
const BOOT_SECONDS = 900;
const TEST_SECONDS = 300;
const HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"; // its sha256

describe.each(["user", "system"] as const)(
  "S3 under systemd, %s scope",
  { timeout: TEST_SECONDS * 1000 },
  (scope) => {
    let container: Container;
    const owner = scope === "system" ? "root" : USER;
    const stack = parseStackConfig({ hosts: { box: { scope } }, s3: { kind: "embedded" } });
    const { s3: server } = stack;
    if (server?.kind !== "embedded") throw new Error("not embedded");
    const store = { ...storeOfHost(stack, "box"), keysMark: "1" };
    const box = boxOf(scope, { "bazel-remote": "3GiB", sccache: "700MiB" }).input;
    // no compiler is in the container: sccache's check of its store replaces the writes of a build
    const checked = { ...box.host.sccache, env: { SCCACHE_SKIP_CACHE_CHECK: "0" } };
    const input = { ...box, host: { ...box.host, sccache: checked }, store };
    const units = ["warmbox-s3", "sccache", "bazel-remote"];

    const apply = async (text: string) => {
      const words = ["sh", "-s", "--", "apply"];
      expect(await container.run(words, { user: owner, stdin: text, timeoutSeconds: 120 })).toMatchObject({
        code: 0,
        stderr: "",
      });
    };
    const systemctl = (...args: string[]) =>
      container.run(["systemctl", ...(scope === "system" ? [] : ["--user"]), ...args], { user: owner });
    const objects = async (): Promise<string[]> => {
      const listing = await container.demand([
        "find",
        "-L",
        `${s3Directory({ ...input, server })}/warmbox`,
        "-type",
        "f",
      ]);
      return listing.split("\n").map((path) => path.replace(/^.*\/warmbox\/warmbox\//, ""));
    };

    beforeAll(async () => {
      container = await bootContainer();
      await installTools(container);
      const target = join(container.root, VERSITYGW);
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(await toolPath("versitygw"), target);
      chmodSync(target, 0o755);
      if (scope === "user") await container.demand(["loginctl", "enable-linger", USER]);
    }, BOOT_SECONDS * 1000);
    afterAll(() => container?.stop());

    test("apply starts all three, and both daemons' objects arrive", async () => {
      await apply(sentLibrary(libraryScript(input, librarySums())));
      await apply(s3OwnCredentialsScript(input));
      await apply(s3ServerScript({ ...input, server, toolPath: VERSITYGW }));
      await apply(sccacheScript(input));
      await apply(bazelRemoteScript(input));
      expect((await systemctl("is-active", ...units)).stdout).toBe("active\nactive\nactive\n");
      expect((await http(container, `PUT /cas/${HELLO}`, HTTP_PORT, "hello")).code).toBe(200);
      await expect
        .poll(objects, { timeout: 30_000 })
        .toEqual(expect.arrayContaining(["sccache/.sccache_check", `bazel-remote/cas.v2/2c/${HELLO}`]));
    });

    test("the keys are root's or the user's alone", async () => {
      const path = credentialsPath(input.paths);
      expect(await container.demand(["stat", "-c", "%a %U", path])).toBe(`600 ${owner}\n`);
      if (scope === "user") return;
      const users = await container.demand(["ps", "-eo", "user:32=,comm="]);
      expect(users).toMatch(/^(warmbox-s3|\d{5}) +versitygw$/m); // no name where the container has no nss-systemd
      expect(users).toMatch(/^(bazel-remote|\d{5}) +bazel-remote$/m);
      expect(
        (await container.run(["cat", "/run/credentials/bazel-remote.service/s3-credentials"], { user: USER }))
          .code,
      ).not.toBe(0);
    });

    test("all three run again after a reboot, and an emptied disk refills from S3", async () => {
      await systemctl("stop", "bazel-remote");
      await container.demand([
        "sh",
        "-c",
        `find -L "$1" -type f -name '${HELLO}*' -delete`,
        "sh",
        input.plan.bazelRemote.dir,
      ]);
      await container.reboot();
      const get = async () => await http(container, `GET /cas/${HELLO}`, HTTP_PORT);
      await expect.poll(get, { timeout: 60_000 }).toEqual({ code: 200, body: "hello" });
      await expect
        .poll(async () => (await systemctl("is-active", ...units)).stdout, { timeout: 30_000 })
        .toBe("active\nactive\nactive\n");
    });
  },
);

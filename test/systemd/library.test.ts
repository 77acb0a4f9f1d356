import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { librarySums } from "../../components/inspect.ts";
import { scriptText } from "../../host/scripts.ts";
import { bazelRemoteScript } from "../../render/bazel-remote/bazel-remote-resource.ts";
import { libraryScript } from "../../render/lib/library-resource.ts";
import { sccacheScript } from "../../render/sccache/sccache-resource.ts";
import type { UnitScope } from "../../render/systemd/unit-shared.ts";
import { sentLibrary } from "../host/sent.ts";
import { run } from "../support/process.ts";
import { http, listeners } from "./ask.ts";
import { type Box, boxOf, installTools, TOOLS } from "./box.ts";
import { bootContainer, type Container } from "./container.ts";
import { USER } from "./rootfs.ts";

/** The library and the resource scripts on a host with systemd: the service kinds that this machine itself has not. */
const LIBRARY = scriptText("warmbox.sh");
const SUMS = librarySums();
const SIZES = { "bazel-remote": "3GiB", sccache: "700MiB" };
const LARGER = { ...SIZES, "bazel-remote": "4GiB" };
const GIB = 1024 ** 3;
const HTTP_PORT = 9090;
const BOOT_SECONDS = 900;
const TEST_SECONDS = 300;
const UNITS = ["bazel-remote", "sccache"] as const;

/** Where the library may write; caches and systemd's own state aside. */
const WATCHED: Record<UnitScope, string[]> = {
  user: [`/home/${USER}`],
  system: ["/etc", "/usr/local", "/var/lib/warmbox", "/var/log/warmbox", "/root"],
};

describe.each(["user", "system"] as const)(
  "the library, %s scope",
  { timeout: TEST_SECONDS * 1000 },
  (scope) => {
    let container: Container;
    let before: string;
    const owner = scope === "system" ? "root" : USER;
    const flag = scope === "system" ? [] : ["--user"];
    const box = boxOf(scope, SIZES);

    const script = (words: string[], text: string) =>
      container.run(["sh", "-s", "--", ...words], { user: owner, stdin: text, timeoutSeconds: 120 });
    const apply = async (text: string) => {
      const outcome = await script(["apply"], text);
      expect(outcome).toMatchObject({ code: 0, stderr: "" });
    };
    const observe = async () => {
      const scoped = scope === "system" ? "WARMBOX_SCOPE=system\n" : "";
      const { stdout } = await script([], `${scoped}${LIBRARY}\nobserve </dev/null\n`);
      expect(stdout.match(/^@@warmbox ledger /gm)).toHaveLength(UNITS.length + 1);
      return stdout;
    };
    const render = (sized: Box, generation: number) => {
      const input = { ...sized.input, generation };
      return {
        library: sentLibrary(libraryScript(input, SUMS)),
        "bazel-remote": bazelRemoteScript(input),
        sccache: sccacheScript(input),
      };
    };
    const systemctl = (...args: string[]) =>
      container.demand(["systemctl", ...flag, ...args], { user: owner });
    const show = async (unit: string, property: string) => {
      const argv = ["systemctl", ...flag, "show", "--value", `--property=${property}`, unit];
      return (await container.demand(argv, { user: owner })).trim();
    };
    const pids = async () => Promise.all(UNITS.map((unit) => show(unit, "MainPID")));
    const maxSize = async () => JSON.parse((await http(container, "GET /status", HTTP_PORT)).body).MaxSize;
    const maxCacheSize = async () =>
      JSON.parse(
        await container.demand([TOOLS.sccache, "--show-stats", "--stats-format=json"], { user: USER }),
      ).max_cache_size;
    /** Every file, link and directory that warmbox writes, with mode, owner and content. */
    const snapshot = async () => {
      const list = `find "$@" -xdev ! -path '*/.cache*' -printf '%y %m %u %p %l\\n' 2>/dev/null | sort
      find "$@" -xdev -type f ! -path '*/.cache*' -exec sha256sum {} + 2>/dev/null | sort -k 2`;
      return container.demand(["sh", "-c", list, "sh", ...WATCHED[scope]]);
    };

    beforeAll(async () => {
      container = await bootContainer();
      await installTools(container);
      before = await snapshot();
    }, BOOT_SECONDS * 1000);
    afterAll(() => container?.stop());

    const withoutLinger = async () => {
      const { library, sccache } = render(box, 1);
      await apply(library);
      const { config, host } = container.ssh; // as hosts are reached
      const overSsh = ["ssh", "-F", config, host, "--", "sh -s -- apply"];
      expect(await run(overSsh, { stdin: sccache, timeoutSeconds: 120 })).toMatchObject({
        code: 78,
        stderr: expect.stringContaining(`let an administrator run: loginctl enable-linger ${USER}.`),
      });
      expect(await show("sccache", "LoadState")).toBe("not-found");
      await container.demand(["loginctl", "enable-linger", USER]);
    };
    if (scope === "user")
      test("an error for a user without linger names the administrator's command", withoutLinger);

    test("apply starts both, with the sizes of the plan", async () => {
      const { library, ...tiers } = render(box, 1);
      await apply(library);
      for (const unit of UNITS) await apply(tiers[unit]);
      for (const unit of UNITS) {
        expect(await show(unit, "ActiveState")).toBe("active");
        expect(await show(unit, "UnitFileState")).toBe("enabled");
      }
      expect(await maxSize()).toBe(3 * GIB);
      expect(await maxCacheSize()).toBe(box.plan.sccache.max_size);
    });

    test("a second apply restarts nothing", async () => {
      const running = await pids();
      for (const unit of UNITS) await apply(render(box, 2)[unit]);
      expect(await pids()).toEqual(running);
    });

    test("a changed size restarts that service only", async () => {
      const [remote, sccache] = await pids();
      const changed = render(boxOf(scope, LARGER), 3);
      for (const unit of UNITS) await apply(changed[unit]);
      const [remoteNow, sccacheNow] = await pids();
      expect(remoteNow).not.toBe(remote);
      expect(sccacheNow).toBe(sccache);
      expect(await maxSize()).toBe(4 * GIB);
    });

    test("a unit edited by hand is drift with its line, and apply repairs it", async () => {
      expect(await observe()).not.toMatch(/^\|[-+]/m);
      const { path } = box.units["bazel-remote"];
      appendFileSync(join(container.root, path), "# by hand\n");
      expect(await observe()).toMatch(/^\|\+# by hand$/m);
      const larger = boxOf(scope, LARGER);
      await apply(render(larger, 4)["bazel-remote"]);
      expect(readFileSync(join(container.root, path), "utf8")).toBe(larger.units["bazel-remote"].text);
      expect(await observe()).not.toMatch(/^\|[-+]/m);
    });

    test("a unit edited, loaded and put back is drift, because the edited unit runs; apply repairs it", async () => {
      const at = join(container.root, box.units.sccache.path);
      const intact = readFileSync(at, "utf8");
      appendFileSync(at, "# by hand\n");
      await systemctl("daemon-reload");
      await systemctl("restart", "sccache");
      writeFileSync(at, intact);
      expect(await observe()).toMatch(
        /^\|\+state running, but as a unit that has changed since systemd read it$/m,
      );
      await apply(render(box, 4).sccache);
      expect(await show("sccache", "NeedDaemonReload")).toBe("no");
      expect(await observe()).not.toMatch(/^\|[-+]/m);
    });

    test("a drop-in, as `systemctl edit` makes it, is named, and is the user's to keep", async () => {
      const dropIn = `${box.units.sccache.path}.d/override.conf`;
      mkdirSync(dirname(join(container.root, dropIn)), { recursive: true });
      writeFileSync(join(container.root, dropIn), "[Service]\nNice=5\n");
      await systemctl("daemon-reload");
      const revert = `next: keep it, or drop it with systemctl${flag.map((word) => ` ${word}`).join("")} revert sccache.service`;
      const output = await observe();
      expect(output).toContain(`\n@@warmbox note sccache\n|${dropIn} changes sccache.service; ${revert}\n`);
      expect(output).not.toMatch(/^\|[-+]/m);
      rmSync(dirname(join(container.root, dropIn)), { recursive: true });
      await systemctl("daemon-reload");
      expect(await observe()).not.toContain("@@warmbox note");
    });

    test("a start that fails brings the old daemon back, and one that keeps ending is soon given up", async () => {
      const broken = render(boxOf(scope, LARGER), 4)["bazel-remote"].replace(
        /^ExecStart=.*$/m,
        "ExecStart=/bin/sh -c 'echo no such setting >&2; sleep 0.2; exit 3'",
      );
      const ended = await script(["apply"], broken);
      expect(ended.code).toBe(78);
      expect(ended.stderr).toMatch(
        /service bazel-remote did not start: it keeps ending: failing \(ended \d times\)/,
      );
      expect(ended.stderr).toContain("the previous state is back");
      expect(await show("bazel-remote", "ActiveState")).toBe("active");
      expect(await maxSize()).toBe(4 * GIB);
      expect(await observe()).not.toMatch(/^\|[-+]/m);
    });

    test("a foreign process on a unit's port does not count as that unit", async () => {
      await systemctl("stop", "bazel-remote");
      const flags = `--dir=/tmp/foreign --max_size=1 --http_address=127.0.0.1:${HTTP_PORT} --grpc_address=127.0.0.1:19092`;
      const start = ["systemd-run", "--quiet", "--unit=foreign", TOOLS["bazel-remote"]];
      await container.demand([...start, ...flags.split(" ")]);
      await expect
        .poll(() => listeners(container), { timeout: TEST_SECONDS * 100 })
        .toContain(`127.0.0.1:${HTTP_PORT}`);
      expect(await observe()).toMatch(/^\|\+state stopped, port 9090 is held by /m);
      const ended = await script(["apply"], render(boxOf(scope, LARGER), 5)["bazel-remote"]);
      expect(ended.code).toBe(78);
      expect(ended.stderr).toContain(`port ${HTTP_PORT} is held by `);
      await container.demand(["systemctl", "stop", "foreign"]);
      await apply(render(boxOf(scope, LARGER), 5)["bazel-remote"]);
    });

    test("a daemon stopped by hand is drift, and apply starts it", async () => {
      await container.demand(["systemctl", ...flag, "stop", "sccache"], { user: owner });
      expect(await observe()).toMatch(/^\|-state running$/m);
      await apply(render(box, 5).sccache);
      expect(await show("sccache", "ActiveState")).toBe("active");
      expect(await observe()).not.toMatch(/^\|[-+]/m);
    });

    test("all runs again after a reboot, without drift", async () => {
      await container.reboot();
      await expect.poll(observe, { timeout: TEST_SECONDS * 1000 }).not.toMatch(/^\|[-+]/m);
      expect(await maxSize()).toBe(4 * GIB);
    });

    test("remove leaves the host as it was", async () => {
      const scripts = render(box, 6);
      for (const name of ["sccache", "bazel-remote", "library"] as const) {
        expect(await script(["remove"], scripts[name])).toMatchObject({ code: 0 });
      }
      for (const unit of UNITS) {
        expect(await show(unit, "LoadState")).toBe("not-found");
        expect(await show(unit, "ActiveState")).toBe("inactive");
      }
      expect(await snapshot()).toBe(before);
    });
  },
);

import { execFileSync, spawn } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { parseProbe } from "../../host/facts.ts";
import { declaredFacts, probeHost, probeScript } from "../../host/probe.ts";
import type { Probe } from "../../host/types.ts";
import { cargoScript } from "../../render/cargo/cargo-resource.ts";
import type { HostConfig } from "../../stacks/types.ts";
import { HAS_IPV6 } from "../ipv6.ts";
import { hostOf } from "../plan/machine.ts";
import { boxInput } from "../render/box.ts";
import { LIBRARY } from "./library/host.ts";

/** The shells that hosts have; one that is missing here is an error, not a pass. */
const SHELLS = ["dash", "bash", "busybox sh"];

let home = "";
beforeEach(() => {
  home = join(mkdtempSync(join(tmpdir(), "warmbox-probe-")), "home with spaces");
  mkdirSync(home, { recursive: true });
});
afterEach(() => rmSync(join(home, ".."), { recursive: true, force: true }));

const text = (path: string, body: string, mode = 0o644) => {
  const file = join(home, path);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, body);
  chmodSync(file, mode);
};

const HTTP = join(import.meta.dirname, "../../host/scripts/lib/http.sh");
type Env = Record<string, string>;

/**
 * Asks this machine with a HOME of the test's own, and ports that no box of it has; asynchronous, as some tests answer the
 * probe themselves.
 */
async function ask(shell: string[], declared: Record<string, object> = {}, env: Env = {}): Promise<Probe> {
  const [program = "sh", ...args] = shell;
  const child = spawn(program, [...args, "-s", "--"], {
    env: { HOME: home, PATH: process.env.PATH, ...env },
  });
  let out = "";
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  child.stdin.end(
    probeScript(
      hostOf({
        ...declared,
        "bazel-remote": { http_address: "127.0.0.1:19990", ...declared["bazel-remote"] },
        sccache: { port: 19926, ...declared.sccache },
      }),
    ),
  );
  await new Promise((resolve) => child.on("close", resolve));
  return parseProbe(out, { name: "here" });
}

describe.each(SHELLS)("under %s", (line) => {
  const shell = line.split(" ");

  test("tells what this machine is, as others see it", async () => {
    const { facts, observed } = await ask(shell);
    const kib = (key: string) =>
      Number(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(readFileSync("/proc/meminfo", "utf8"))?.[1]);
    expect(facts.memTotal).toBe(kib("MemTotal") * 1024);
    expect(facts.cpus).toBe(Number(execFileSync("nproc", { encoding: "utf8" })));
    expect(facts.arch).toBe(execFileSync("uname", ["-m"], { encoding: "utf8" }).trim());
    expect(facts.user.home).toBe(home);
    expect(facts.disks.sccache.path).toBe(`${home}/.cache/sccache`);
    expect(facts.disks.sccache.total).toBeGreaterThan(facts.disks.sccache.free);
    expect(facts.disks.sccache.held).toBe(0);
    expect(facts.cargoConfig).toEqual({
      path: `${home}/.cargo/config.toml`,
      includes: false,
      conflicts: [],
    });
    expect(observed).toEqual({ library: null, ledgers: {} });
  });

  test("finds tools in known places, with spaces in their path, and its own beside them", async () => {
    text(".cargo/bin/sccache", "#!/bin/sh\necho sccache 0.19.0\n", 0o755);
    text(
      ".local/share/warmbox/tools/bazel-remote/2.6.2/bazel-remote",
      "#!/bin/sh\necho started >started\n",
      0o755,
    );
    text(".local/bin/moon", "#!/bin/sh\nexec sleep 300\n", 0o755);
    const { tools } = (await ask(shell, {}, { PATH: "/usr/bin:/bin" })).facts;
    expect(tools.sccache).toEqual({ path: `${home}/.cargo/bin/sccache`, version: "0.19.0" });
    expect(tools["bazel-remote"]?.version).toBe("2.6.2");
    expect(tools.moon).toEqual({ path: `${home}/.local/bin/moon`, version: null }); // it hangs: bounded
    expect(() => readFileSync(join(home, "started"))).toThrow();
  }, 30_000);

  test("counts what a cache holds when its daemon does not run", async () => {
    for (const folder of ["0/a", "0/b", "f/c"])
      text(`.cache/sccache/${folder}/entry`, "x".repeat(1024 * 1024));
    text("data/cas.v2/00/blob", "x".repeat(2 * 1024 * 1024));
    const { disks } = (await ask(shell, { "bazel-remote": { dir: "data" } })).facts;
    expect(disks.sccache.held / 1024 ** 2).toBeCloseTo(3, 0);
    expect(disks["bazel-remote"].held / 1024 ** 2).toBeCloseTo(2, 0);
    expect(disks["bazel-remote"].path).toBe(`${home}/data`);
  });

  test("reads the sizes that were applied last from the ledgers' copies", async () => {
    const put = (resource: string, sha: string, body: string) => {
      text(`.local/state/warmbox/${resource}/objects/${sha}`, body);
      text(
        `.local/state/warmbox/${resource}/ledger`,
        `owner\tlocal\ngeneration\t1\nput\t/x\t/x\t644\t${sha}\tabsent\t-\t-\t-\t-\n`,
      );
    };
    put("sccache", "aa", "[cache.disk]\n# 30 GiB\nsize = 32212254720\n");
    put("bazel-remote", "bb", "dir: /x\nmax_size: 46\n");
    const found = await ask(shell).then(
      ({ facts }) => [facts.disks.sccache.applied, facts.disks["bazel-remote"].applied],
      (error) => error,
    );
    expect(found).toEqual([30 * 1024 ** 3, 46 * 1024 ** 3]);
  });

  test("recognizes the block that cargo.config: inline writes, before and after the second apply", async () => {
    text(".local/share/warmbox/warmbox.sh", readFileSync(LIBRARY, "utf8"));
    text(".cargo/config.toml", '[alias]\nb = "build"\n');
    const input = boxInput({ cargo: { config: "inline" } });
    const [program = "sh", ...args] = shell;
    const apply = () =>
      execFileSync(program, [...args, "-s", "--", "apply"], {
        env: { HOME: home, PATH: process.env.PATH },
        input: cargoScript(input),
      });
    for (const _ of ["first", "second"]) {
      apply();
      const { facts, observed } = await ask(shell);
      expect(facts.cargoConfig).toMatchObject({ includes: false, conflicts: [] });
      expect(observed.ledgers.cargo).toMatchObject({
        owner: "local",
        generation: input.generation,
        drift: "",
      });
    }
    appendFileSync(join(home, ".cargo/config.toml"), "\n[build]\njobs = 1\n");
    const lines = readFileSync(join(home, ".cargo/config.toml"), "utf8").split("\n");
    const line = lines.lastIndexOf("jobs = 1") + 1;
    expect((await ask(shell)).facts.cargoConfig.conflicts).toEqual([{ key: "build.jobs", line }]);
  });

  test("reads the names of cargo's settings, never their values", async () => {
    text(
      ".cargo/config.toml",
      '# mine\r\n[build]\r\njobs = 3\r\n\r\n[registries.inner]\r\ntoken = "hunter2"\r\n[profile.dev]\r\nincremental = true\r\n',
    );
    const { facts } = await ask(shell);
    expect(facts.cargoConfig.conflicts).toEqual([
      { key: "build.jobs", line: 3 },
      { key: "profile.dev.incremental", line: 8 },
    ]);
    expect(JSON.stringify(facts)).not.toContain("hunter2");
  });
});

describe("with bazel-remote answering", () => {
  let server: Server;
  beforeEach(async () => {
    server = createServer((request, answer) =>
      answer.end(request.url === "/status" ? '{ "CurrSize": 1073741824,\n "NumFiles": 9 }' : ""),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  test("its figure counts, and its port is someone else's as long as no ledger says otherwise", async () => {
    const { port } = server.address() as AddressInfo;
    const { facts } = await ask(["sh"], { "bazel-remote": { http_address: `127.0.0.1:${port}` } });
    expect(facts.disks["bazel-remote"].held).toBe(1024 ** 3);
    expect(facts.ports).toContain(port);
  });
});

describe("by bash alone, where there is neither curl nor wget", () => {
  const HTTP_GET = `. ${HTTP}; get() {
  address=\${1#http://} address=\${address%/*}
  (http_get "\${address%:*}" "\${address##*:}" /status 5) 2>/dev/null
}; get`;
  const asked = async (url: string, shell: string, ask = HTTP_GET): Promise<string> => {
    for (const tool of existsSync(join(home, "awk")) ? [] : ["awk", "bash", "sed", "timeout"])
      symlinkSync(
        execFileSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).trim(),
        join(home, tool),
      );
    const [program = "", ...args] = shell.split(" ");
    const path = execFileSync("sh", ["-c", `command -v ${program}`], { encoding: "utf8" }).trim();
    const call = `${ask} "${url}"; echo "code $?"`;
    const child = spawn(path, [...args, "-c", call], { env: { PATH: home } });
    let out = "";
    child.stdout.on("data", (chunk) => {
      out += chunk;
    });
    await new Promise((resolve) => child.on("close", resolve));
    return out;
  };
  const answering = async (address: string, code: number): Promise<string> => {
    const server = createServer((_, answer) => answer.writeHead(code).end("{}\n"));
    await new Promise<void>((resolve) => server.listen(0, address, resolve));
    onTestFinished(() => void server.close());
    const host = address.includes(":") ? `[${address}]` : address;
    return `http://${host}:${(server.address() as AddressInfo).port}/status`;
  };

  test.each(SHELLS)("what is refused is no figure, under %s", async (shell) => {
    expect(await asked(await answering("127.0.0.1", 401), shell)).toMatch(/^code [1-9]\d?\n$/);
  });

  test.skipIf(!HAS_IPV6).each(SHELLS)("an IPv6 address is asked, under %s", async (shell) => {
    const url = await answering("::1", 200);
    expect(await asked(url, shell)).toBe("{}\ncode 0\n");
    expect(await asked(url.replace("http://", ""), shell, `. ${LIBRARY}; wb_http`)).toBe("code 0\n");
  });
});

describe("a host that does not answer", () => {
  const unreachable = (over: object): HostConfig =>
    hostOf({ reach: { kind: "ssh", host: "warmbox-test.invalid", user: "ci", ...over } });

  test("is one error with host, user, ssh's own words and a next step", async () => {
    await expect(probeHost("forge", unreachable({ port: 2222 }))).rejects.toThrow(
      /^hosts\.forge: warmbox-test\.invalid \(user ci\) could not be asked \(status (255|none)\); ssh said:\n {2}.+\n {2}next: make `ssh -o BatchMode=yes -p 2222 ci@warmbox-test\.invalid true` work, or declare hosts\.forge\.facts to preview without it$/s,
    );
  });

  test("can be planned from what its stack declares", () => {
    const disk = { total: "500GiB", free: "400GiB" };
    const facts = {
      arch: "x86_64",
      memTotal: "16GiB",
      cpus: 8,
      user: { home: "/home/ci" },
      disks: { sccache: disk, "bazel-remote": disk },
    };
    expect(declaredFacts("forge", hostOf({ facts, scope: "system" })).facts.disks.sccache.path).toBe(
      "/var/cache/sccache",
    );
  });
});

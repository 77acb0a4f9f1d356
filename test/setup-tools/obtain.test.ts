import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildSccache, registryConfig } from "../../tools/build-cargo.ts";
import { buildGo } from "../../tools/build-go.ts";
import type { ObtainedTool } from "../../tools/cache.ts";
import { thisArch } from "../../tools/cache.ts";
import { lockedIntegrity, moonBinary } from "../../tools/moon-npm.ts";
import { startProgress } from "../../tools/progress.ts";
import { vendorAsset } from "../../tools/vendor.ts";
import { processEnd } from "../support/service.ts";

/** Go's own cache of compiled packages stays where it is, whatever home the tests give the tool cache. */
const GOCACHE = execFileSync("go", ["env", "GOCACHE"]).toString().trim();

let base: string;
let cache: string;
const open: { close(): unknown }[] = [];

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "warmbox obtain "));
  cache = join(base, "cache/warmbox");
});
afterEach(() => {
  for (const server of open.splice(0)) server.close();
  rmSync(base, { recursive: true, force: true });
});

/** A Go module that is built in a moment. `--help` ends well, as every tool's does. */
function tinyModule(source = 'package main\n\nfunc main() { println("tiny") }\n') {
  const module = join(base, "tiny");
  mkdirSync(module, { recursive: true });
  writeFileSync(join(module, "go.mod"), "module tiny\n\ngo 1.21\n");
  writeFileSync(join(module, "main.go"), source);
  return { module, pkg: ".", ldflags: "" };
}

function start(tool: string, options: object, env: NodeJS.ProcessEnv = {}): ChildProcess {
  const program = join(import.meta.dirname, "obtain-one.ts");
  const own = { XDG_CACHE_HOME: join(base, "cache"), GOCACHE, WARMBOX_TOOLS_DIR: undefined, ...env };
  return spawn(process.execPath, [program, tool, JSON.stringify(options)], {
    env: { ...process.env, ...own },
  });
}

async function ended(
  child: ChildProcess,
): Promise<{ code: number | null; said: string; got: ObtainedTool | null }> {
  if (!child.stdout || !child.stderr) throw new Error("no pipes");
  const closed = once(child, "close");
  const [out, said] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await closed) as [number | null];
  return { code, said, got: out ? (JSON.parse(out) as ObtainedTool) : null };
}

const obtain = async (tool: string, options: object, env: NodeJS.ProcessEnv = {}) =>
  await ended(start(tool, options, env));

async function serve(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  open.push({
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** An address on this machine where nothing listens. */
async function closedPort(): Promise<string> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return `http://127.0.0.1:${port}`;
}

const sha = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");
const goTools = () => ({ versitygw: tinyModule() });
const place = () => join(cache, "tools/versitygw/1.8.0/versitygw");

describe("order of places", () => {
  it("without the vendor's host the registry is used, and the host is not asked again soon", async () => {
    const vendorUrl = await closedPort();
    const first = await obtain("versitygw", { vendorUrl, goTools: goTools() });
    expect(first).toMatchObject({ code: 0, got: { path: place(), version: "1.8.0", sha256: sha(place()) } });
    expect(first.said).toMatch(/^(versitygw 1\.8\.0: .*\n)*versitygw 1\.8\.0: built in \d+ s\n$/);
    let asked = 0;
    const server = createServer(() => asked++).listen(Number(new URL(vendorUrl).port), "127.0.0.1");
    await once(server, "listening");
    open.push(server);
    rmSync(join(cache, "tools/versitygw"), { recursive: true });
    expect((await obtain("versitygw", { vendorUrl, goTools: goTools() })).said).toContain("built in");
    expect(asked).toBe(0);
  });

  it("with WARMBOX_OFFLINE no release is asked for, also one that the stack names", async () => {
    let requests = 0;
    const vendorUrl = await serve((_request, response) => {
      requests++;
      response.writeHead(404).end();
    });
    const env = { WARMBOX_OFFLINE: "1" };
    expect((await obtain("versitygw", { vendorUrl, goTools: goTools() }, env)).said).toContain("built in");
    const source = { kind: "release", url: `${vendorUrl}/moon`, sha256: "0".repeat(64) };
    const refused = await obtain("moon", { source }, env);
    expect(refused.said).toMatch(/127\.0\.0\.1:\d+: not contacted, WARMBOX_OFFLINE is set\n$/);
    expect(refused.code).toBe(1);
    expect(requests).toBe(0);
  });

  it("a vendor's host that accepts and never answers delays a run for seconds only", async () => {
    const vendorUrl = await serve(() => {});
    expect((await obtain("versitygw", { vendorUrl, goTools: goTools() })).said).toContain("built in");
  });

  it("the vendor's release is used with its checksum, and nothing is built", async () => {
    const { files, listener } = vendorOf("versitygw", "#!/bin/sh\nexit 0\n");
    const got = await obtain("versitygw", {
      vendorUrl: await serve(listener),
      goTools: { versitygw: tinyModule("no Go") },
    });
    // On a busy machine a line of progress comes before it.
    expect(got.said).toMatch(/^(versitygw 1\.8\.0: .*\n)*versitygw 1\.8\.0: downloaded in \d+ s\n$/);
    expect(got.said).not.toContain("built");
    expect(readFileSync(place(), "utf8")).toBe("#!/bin/sh\nexit 0\n");
    expect(files.size).toBe(2);
  });

  it("a release with another checksum is not used, and that is said", async () => {
    const { files, listener } = vendorOf("versitygw", "#!/bin/sh\nexit 0\n");
    for (const name of files.keys())
      if (name.endsWith(".txt"))
        files.set(
          name,
          Buffer.from(
            `${"0".repeat(64)}  versitygw_v1.8.0_Linux_${thisArch() === "aarch64" ? "arm64" : "x86_64"}.tar.gz\n`,
          ),
        );
    const got = await obtain("versitygw", { vendorUrl: await serve(listener), goTools: goTools() });
    expect(got.said).toMatch(
      /tar\.gz has sha256 [0-9a-f]{64}, expected is 0{64}: it is not used; trying the registry/,
    );
    expect(got.said).toContain("built in");
  });

  it("when every way fails, each is named with the next step", async () => {
    const vendorUrl = await closedPort();
    const got = await obtain("versitygw", {
      vendorUrl,
      goTools: { versitygw: tinyModule("package main\n\nfunc main() { nothing() }\n") },
    });
    expect(got.code).toBe(1);
    expect(got.said).toContain(
      `warmbox: versitygw 1.8.0 for ${thisArch()} cannot be obtained.\nrelease: 127.0.0.1:`,
    );
    expect(got.said).toContain("undefined: nothing");
    expect(got.said).toContain("tools.versitygw: {kind: release, url: URL, sha256: SHA256}");
    expect(existsSync(place())).toBe(false);
  });

  it("WARMBOX_TOOLS_DIR is used in place, and refused where its checksum does not fit", async () => {
    const dir = join(base, "mine/versitygw/1.8.0");
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, "versitygw"), "mine");
    const env = { WARMBOX_TOOLS_DIR: join(base, "mine") };
    expect(await obtain("versitygw", {}, env)).toMatchObject({
      code: 0,
      got: { path: join(dir, "versitygw") },
    });
    writeFileSync(join(dir, "versitygw.sha256"), `${"0".repeat(64)}  versitygw\n`);
    const refused = await obtain("versitygw", {}, env);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.said).toBe(
      `warmbox: ${join(dir, "versitygw")} (WARMBOX_TOOLS_DIR): its sha256 is ${sha(join(dir, "versitygw"))}, recorded is ` +
        `${"0".repeat(64)}. Next: put the right file there, or remove it\n`,
    );
  });

  it("a file of the stack's own must have the checksum the stack says", async () => {
    const path = join(base, "own");
    writeFileSync(path, "#!/bin/sh\n");
    const good = await obtain("moon", { source: { kind: "file", path, sha256: sha(path) } });
    expect(good.got?.version).toBe(`sha256-${sha(path).slice(0, 16)}`);
    const bad = await obtain("moon", { source: { kind: "file", path, sha256: "0".repeat(64) } });
    expect(bad.said).toContain(
      `tools.moon.path ${path} has sha256 ${sha(path)}, expected is ${"0".repeat(64)}: it is not used`,
    );
  });
});

describe("the cache", () => {
  const quick = async () => ({ vendorUrl: await closedPort(), goTools: goTools() });

  it("a corrupt entry is noticed and made again", async () => {
    const options = await quick();
    await obtain("versitygw", options);
    const whole = sha(place());
    writeFileSync(place(), readFileSync(place()).subarray(0, 1000));
    const again = await obtain("versitygw", options);
    expect(again.said).toMatch(/its sha256 is [0-9a-f]{64}, recorded is [0-9a-f]{64}; it is made again\n/);
    expect(sha(place())).toBe(whole);
    expect((await obtain("versitygw", options)).said).toBe("");
  });

  it("an entry without its checksum is not trusted", async () => {
    const options = await quick();
    await obtain("versitygw", options);
    rmSync(`${place()}.sha256`);
    expect((await obtain("versitygw", options)).said).toContain(
      "no sha256 is recorded for it; it is made again",
    );
  });

  it("two at once make it once", async () => {
    const options = await quick();
    const both = await Promise.all([obtain("versitygw", options), obtain("versitygw", options)]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    const output = both.map((one) => one.said).join("");
    expect(output.match(/built in/g)).toHaveLength(1);
    expect(both[0].got).toEqual(both[1].got);
  });

  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    it(`stopped by ${signal} in the middle of a build it leaves nothing half, and the next one completes`, async () => {
      const bin = join(base, "bin");
      mkdirSync(bin);
      const real = execFileSync("sh", ["-c", "command -v go"]).toString().trim();
      // The real go, but for a build that never gets done.
      writeFileSync(
        join(bin, "go"),
        `#!/bin/sh\n[ "$1" != build ] || { echo $$ >"${base}/building"; exec sleep 30; }\nexec "${real}" "$@"\n`,
      );
      chmodSync(join(bin, "go"), 0o755);
      const options = await quick();
      const child = start("versitygw", options, { PATH: `${bin}:${process.env.PATH}` });
      const over = ended(child);
      while (!existsSync(join(base, "building"))) await new Promise((done) => setTimeout(done, 20));
      child.kill(signal);
      const go = Number(readFileSync(join(base, "building"), "utf8"));
      if (signal === "SIGKILL") process.kill(go, "SIGKILL");
      child.stdout?.destroy();
      child.stderr?.destroy();
      await over.catch(() => {});
      await processEnd(go);
      expect(existsSync(place())).toBe(false);
      const next = await obtain("versitygw", options);
      expect(next.said).toContain("built in");
      expect(readdirSync(join(cache, "tools/versitygw/1.8.0")).sort()).toEqual([
        "versitygw",
        "versitygw.sha256",
      ]);
      expect(readdirSync(join(cache, "build"))).toEqual([]);
    });
  }
});

/** Sets or (undefined) unsets variables of this process meanwhile: one by one, since another object is no environment. */
async function withEnvironment<T>(
  variables: Record<string, string | undefined>,
  work: () => Promise<T>,
): Promise<T> {
  const put = (name: string, value: string | undefined): void => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  for (const [name, value] of Object.entries(variables)) put(name, value);
  return await work().finally(() => {
    for (const [name, value] of before) put(name, value);
  });
}

describe("a build with Go", () => {
  /** A fake Go: answers `go env` and shows what a build would see. */
  const withGo = async (version: string, work: () => Promise<void>): Promise<string> => {
    const [bin, seen] = [join(base, "bin"), join(base, "seen")];
    mkdirSync(bin, { recursive: true });
    writeFileSync(
      join(bin, "go"),
      `#!/bin/sh\n[ "$1" != env ] || { printf '%s\\n' ${version} "$HOME/go/pkg/mod" "$HOME/.cache/go-build"; exit; }\nenv >>"${seen}"\n`,
    );
    chmodSync(join(bin, "go"), 0o755);
    const own = { HOME: join(base, "home"), PATH: `${bin}:${process.env.PATH}` };
    await withEnvironment({ ...own, GOCACHE: undefined, GOMODCACHE: undefined }, work);
    return readFileSync(seen, "utf8");
  };
  const build = async (): Promise<void> =>
    await buildGo(
      tinyModule(),
      thisArch(),
      join(base, "out"),
      join(base, "build"),
      startProgress("x", { write: () => true }),
    );

  it("leaves no cache in the home directory of a user who has none, and shares one that is there", async () => {
    const lines = (await withGo("go1.26.8", build)).split("\n");
    expect(lines).toContain(`GOCACHE=${join(base, "build/go-build")}`);
    expect(lines).toContain(`GOMODCACHE=${join(base, "build/go-mod")}`);
    rmSync(join(base, "seen"));
    for (const dir of ["go/pkg/mod", ".cache/go-build"])
      mkdirSync(join(base, "home", dir), { recursive: true });
    expect(await withGo("go1.26.8", build)).not.toMatch(/^GO(MOD)?CACHE=/m);
  });

  it("is refused with a Go that is too old", async () => {
    await expect(withGo("go1.20.14", build)).rejects.toThrow(
      "go on PATH is 1.20.14, needed is 1.25.11 or newer. Next: install it, https://go.dev/dl/",
    );
  });
});

describe("sccache from its registry package", () => {
  it("is built past the user's own cargo settings, and leaves nothing in the user's cargo home", async () => {
    const [home, bin, seen] = [join(base, "home"), join(base, "bin"), join(base, "seen")];
    for (const dir of [join(home, ".cargo"), bin]) mkdirSync(dir, { recursive: true });
    writeFileSync(
      join(home, ".cargo/config.toml"),
      '[build]\nrustc-wrapper = "sccache"\n[net]\noffline = false\n',
    );
    // A fake for a build of minutes: shows what cargo would see, and leaves a binary where asked to.
    writeFileSync(
      join(bin, "cargo"),
      `#!/bin/sh\nenv >"${seen}"; echo "$@" >>"${seen}"; cat "$CARGO_HOME/config.toml" >>"${seen}"\n` +
        'while [ "$1" != --root ]; do shift; done; mkdir -p "$2/bin"; echo sccache >"$2/bin/sccache"\n',
    );
    chmodSync(join(bin, "cargo"), 0o755);
    const users = {
      HOME: home,
      PATH: `${bin}:${process.env.PATH}`,
      RUSTC_WRAPPER: "sccache",
      RUSTFLAGS: "-Cx",
      CARGO_HTTP_PROXY: "p",
      CARGO_TARGET_DIR: "/t",
      RUSTUP_HOME: "/kept",
      CARGO_HOME: undefined,
    };
    const built = await withEnvironment(users, () =>
      buildSccache(join(base, "build"), startProgress("x", { write: () => true })),
    );
    expect(built).toBe(join(base, "build/root/bin/sccache"));
    const lines = readFileSync(seen, "utf8").split("\n");
    expect(lines).toContain(`CARGO_HOME=${join(base, "build/cargo-home")}`);
    expect(lines).toContain(`CARGO_TARGET_DIR=${join(base, "build/target")}`);
    expect(lines).toContain("CARGO_ENCODED_RUSTFLAGS=");
    expect(lines).toContain("RUSTUP_HOME=/kept");
    expect(lines).toContain("CARGO_HTTP_PROXY=p");
    expect(lines.filter((line) => /^(RUSTC_WRAPPER|RUSTFLAGS)=|rustc-wrapper/.test(line))).toEqual([]);
    expect(lines).toContain("[net]");
    expect(lines.find((line) => line.startsWith("install"))).toBe(
      `install --locked sccache@0.19.0 --no-default-features --features s3,gcs --root ${join(base, "build/root")} --no-track --force`,
    );
    expect(readdirSync(join(home, ".cargo"))).toEqual(["config.toml"]);
  });

  it("takes over where packages come from, and nothing else", () => {
    const mirror =
      '[source.crates-io]\nreplace-with = "mirror"\n[source.mirror]\nregistry = "sparse+https://mirror.example/"\n';
    const kept = registryConfig(
      `include = ["warmbox.toml"]\n${mirror}[build]\nrustc-wrapper = "sccache"\n[profile.release]\nlto = true\n`,
    );
    expect(kept).toContain('replace-with = "mirror"');
    expect(kept).not.toMatch(/wrapper|lto|include/);
    expect(registryConfig("[build]\njobs = 1\n")).toBe("");
    expect(registryConfig("not toml [")).toBe("");
  });

  it("for another processor: a clear error with the next step", async () => {
    const arch = thisArch() === "x86_64" ? "aarch64" : "x86_64";
    const got = await obtain("sccache", { arch, vendorUrl: await closedPort() });
    expect(got.code).toBe(1);
    expect(got.said).toContain(`warmbox: sccache 0.19.0 for ${arch} cannot be obtained.\n`);
    expect(got.said).toContain(`registry: sccache is not built for ${arch} on ${thisArch()}\n`);
    expect(got.said).toContain(
      "Next: put a binary into the stack file: tools.sccache: {kind: release, url: URL, sha256: SHA256}",
    );
  });
});

describe("moon from npm", () => {
  it("is the package that npm installed and checked", async () => {
    const got = await obtain("moon", {});
    expect(got.code).toBe(0);
    expect(execFileSync(got.got?.path ?? "", ["--version"]).toString()).toBe("moon 2.5.5\n");
  });

  it("another processor's needs a checksum in the lock file", async () => {
    const lock = {
      packages: { "node_modules/@moonrepo/core-linux-x64-gnu": { version: "2.5.5", integrity: "sha512-x" } },
    };
    expect(lockedIntegrity(JSON.stringify(lock), "@moonrepo/core-linux-x64-gnu")).toBe("sha512-x");
    writeFileSync(join(base, "package-lock.json"), JSON.stringify({ packages: {} }));
    await expect(moonBinary(base, "aarch64", join(base, "build"))).rejects.toThrow(
      "package-lock.json holds no checksum of @moonrepo/core-linux-arm64-gnu@2.5.5. Give the binary in the stack file: " +
        "tools.moon: {kind: release, url: URL, sha256: SHA256} or {kind: file, path: PATH, sha256: SHA256}",
    );
  });
});

/** A vendor's host that has the tool's released archive and its checksums. */
function vendorOf(tool: "versitygw", program: string) {
  const asset = vendorAsset(tool, thisArch(), "");
  if (!asset || !("url" in asset.sum)) throw new Error("no such asset");
  const dir = join(base, "release");
  mkdirSync(join(dir, "folder"), { recursive: true });
  writeFileSync(join(dir, "folder", tool), program);
  chmodSync(join(dir, "folder", tool), 0o755);
  execFileSync("tar", ["-czf", join(dir, "a.tar.gz"), "-C", dir, "folder"]);
  const name = asset.url.slice(asset.url.lastIndexOf("/") + 1);
  const files = new Map([
    [asset.url, readFileSync(join(dir, "a.tar.gz"))],
    [asset.sum.url, Buffer.from(`${"1".repeat(64)}  other.tar.gz\n${sha(join(dir, "a.tar.gz"))}  ${name}\n`)],
  ]);
  const listener: RequestListener = (request, response) => {
    const file = files.get(request.url ?? "");
    // As at the real ones, a file is found by way of a redirect.
    if (request.url?.startsWith("/moved"))
      return void response.end(files.get(request.url.slice("/moved".length)));
    response.writeHead(file ? 302 : 404, { location: `/moved${request.url}` }).end();
  };
  return { files, listener };
}

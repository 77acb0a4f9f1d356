import { execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PushManifest } from "../../host/push-tools.ts";
import { scriptText } from "../../host/scripts.ts";
import { pushedPath } from "../../plan/tools.ts";
import { sourceVersion } from "../../stacks/versions.ts";

const PROGRAM = resolve(import.meta.dirname, "../../host/push-tools.ts");
const LIBRARY = ".local/share/warmbox/warmbox.sh";
const TEXT = scriptText("warmbox.sh");

/** A way to a host that breaks after 3 MB. */
const BREAKING_LINK = `
  const [home] = process.argv.slice(1);
  const stdio = ["pipe", "inherit", "inherit"];
  const shell = require("node:child_process").spawn("sh", ["-s"], { stdio, env: { ...process.env, HOME: home } });
  let passed = 0;
  process.stdin.on("data", (piece) => {
    shell.stdin.write(piece);
    passed += piece.length;
    if (passed > 3e6) process.stdin.destroy(), shell.stdin.end();
  });
  process.stdin.on("end", () => shell.stdin.end());
  shell.on("close", process.exit);
`;

let base: string;
let home: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "warmbox push "));
  home = join(base, "home of a host");
  mkdirSync(join(home, ".local/share/warmbox"), { recursive: true });
  writeFileSync(join(home, LIBRARY), TEXT);
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

/** A program that starts, and is large enough to arrive in many pieces. */
function binary(
  tool: string,
  bytes = 1_500_000,
  start = "#!/bin/sh\nexit 0\n",
): PushManifest["tools"][number] {
  const path = join(base, `${tool}-${randomBytes(4).toString("hex")}`);
  writeFileSync(path, Buffer.concat([Buffer.from(start), randomBytes(bytes)]));
  chmodSync(path, 0o755);
  const sha256 = createHash("sha256").update(readFileSync(path)).digest("hex");
  const source = { kind: "file" as const, path, sha256 };
  return { tool: tool as "moon", version: sourceVersion("moon", source), source };
}

function manifest(tools: PushManifest["tools"], more: Partial<PushManifest> = {}): PushManifest {
  const prefix = ["/bin/sh", "-s", "--"];
  return {
    host: "box",
    prefix,
    arch: "x86_64",
    scope: "user",
    owner: "local",
    generation: 3,
    tools,
    ...more,
  };
}

async function push(
  action: string,
  input: PushManifest,
): Promise<{ code: number; said: string; out: string }> {
  const env = { ...process.env, HOME: home, XDG_CACHE_HOME: join(base, "cache"), NODE_NO_WARNINGS: "1" };
  const child = spawn(process.execPath, [PROGRAM, action], { env, stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.end(JSON.stringify({ ...input, arch: process.arch === "arm64" ? "aarch64" : "x86_64" }));
  const ended = new Promise<number>((done) => child.on("close", (code) => done(code ?? -1)));
  const [out, said] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, said, out };
}

const at = ({ tool, version }: PushManifest["tools"][number]) =>
  join(home, pushedPath("user", tool, version));
const sha = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");
const sumOf = (tool: PushManifest["tools"][number]) =>
  tool.source.kind === "auto" ? "" : tool.source.sha256;

describe("through any shell, to another machine", () => {
  // `env` in front: not the plain prefix of this machine, so the bytes travel on standard input.
  for (const shell of ["dash", "bash", "busybox sh"]) {
    it(`${shell}: both binaries arrive whole and start`, async () => {
      const tools = [binary("sccache"), binary("moon", 3_000_000)];
      const prefix = ["env", `HOME=${home}`, ...shell.split(" "), "-s", "--"];
      const first = await push("apply", manifest(tools, { prefix }));
      expect(first).toMatchObject({ code: 0 });
      for (const tool of tools) {
        expect(sha(at(tool))).toBe(sumOf(tool));
        execFileSync(at(tool));
      }
      expect(first.said).toContain("box: pushing moon");
      expect((await push("remove", manifest(tools, { prefix }))).code).toBe(0);
      expect(readdirSync(join(home, ".local/share/warmbox"))).toEqual(["warmbox.sh"]);
    });
  }

  it("without gzip on the host the plain bytes are sent", async () => {
    const bin = join(base, "bin");
    mkdirSync(bin);
    for (const word of readdirSync("/usr/bin"))
      if (word !== "gzip") symlinkSync(`/usr/bin/${word}`, join(bin, word));
    const tool = binary("moon");
    const prefix = ["env", "-i", `HOME=${home}`, `PATH=${bin}`, "sh", "-s", "--"];
    expect(await push("apply", manifest([tool], { prefix }))).toMatchObject({ code: 0 });
    expect(sha(at(tool))).toBe(sumOf(tool));
  });
});

describe("apply", () => {
  it("a second time changes nothing and sends nothing", async () => {
    const tool = binary("moon");
    await push("apply", manifest([tool]));
    const before = execFileSync("stat", ["-c", "%i %Y %Z", at(tool)]).toString();
    if (tool.source.kind === "file") rmSync(tool.source.path); // obtaining it again would fail
    rmSync(join(base, "cache"), { recursive: true });
    expect(await push("apply", manifest([tool]))).toMatchObject({ code: 0, said: "" });
    expect(execFileSync("stat", ["-c", "%i %Y %Z", at(tool)]).toString()).toBe(before);
  });

  it("leaves a ledger in which a changed binary is drift", async () => {
    const tool = binary("moon");
    await push("apply", manifest([tool]));
    const observe = () =>
      execFileSync("sh", ["-c", '. "$0"; observe', join(home, LIBRARY)], {
        env: { ...process.env, HOME: home },
      }).toString();
    const intact = observe();
    expect(intact).toContain("tools");
    writeFileSync(at(tool), "changed");
    expect(observe()).toContain(`${pushedPath("user", tool.tool, tool.version)} (applied)`);
    expect(intact).not.toContain(`${pushedPath("user", tool.tool, tool.version)} (applied)`);
  });

  it("a tampered, a deleted and a half written binary are replaced", async () => {
    const tool = binary("moon");
    await push("apply", manifest([tool]));
    for (const damage of ["printf x >>", "rm", "printf '#' >", "chmod -x"]) {
      execFileSync("sh", ["-c", `${damage} "$1"`, "sh", at(tool)]);
      expect(await push("apply", manifest([tool]))).toMatchObject({ code: 0 });
      expect(sha(at(tool))).toBe(sumOf(tool));
      execFileSync(at(tool));
    }
  });

  it("a binary that does not start never takes the place", async () => {
    const tool = binary("moon", 10, "#!/bin/sh\necho 'needs GLIBC_2.99' >&2\nexit 1\n");
    const result = await push("apply", manifest([tool]));
    expect(result.code).toBe(70);
    expect(result.said).toContain(
      "warmbox: box-tools: moon does not start on this host: needs GLIBC_2.99. Set tools.moon in the stack file to a " +
        "binary made for it: {kind: file, path: PATH, sha256: SHA256}\n",
    );
    expect(existsSync(at(tool))).toBe(false);
    expect(existsSync(join(at(tool), "../.."))).toBe(false);
    expect(readdirSync(join(home, ".local/share/warmbox"))).toEqual(["warmbox.sh"]);
  });

  it("the version before stays for one more apply, then goes", async () => {
    const [old, next] = [binary("moon"), binary("moon")];
    await push("apply", manifest([old]));
    await push("apply", manifest([next]));
    expect(existsSync(at(old))).toBe(true);
    await push("apply", manifest([next]));
    expect(existsSync(at(old))).toBe(false);
    expect(existsSync(at(next))).toBe(true);
  });

  it("a link that breaks leaves nothing half, and the next one completes", async () => {
    const tool = binary("moon", 8_000_000);
    const prefix = [process.execPath, "-e", BREAKING_LINK, home];
    const cut = await push("apply", manifest([tool], { prefix }));
    expect(cut.code).toBe(73);
    expect(existsSync(at(tool))).toBe(false);
    expect(await push("apply", manifest([tool]))).toMatchObject({ code: 0 });
    expect(sha(at(tool))).toBe(sumOf(tool));
  });

  it("says what to do when the library is missing", async () => {
    rmSync(join(home, LIBRARY));
    const result = await push("apply", manifest([binary("moon")]));
    expect(result.code).toBe(69);
    expect(result.said).toContain(
      `warmbox: box-tools: ${home}/${LIBRARY} is missing. Run up for the whole stack, which puts it there first`,
    );
  });
});

describe("remove", () => {
  it("leaves what was changed since, and says so", async () => {
    const [kept, gone] = [binary("moon"), binary("sccache")];
    await push("apply", manifest([kept, gone]));
    writeFileSync(at(kept), "mine");
    const result = await push("remove", manifest([kept, gone]));
    expect(result).toMatchObject({ code: 0 });
    expect(result.said).toContain(`${at(kept)} was edited since it was applied: the edit stays`);
    expect(readFileSync(at(kept), "utf8")).toBe("mine");
    expect(existsSync(join(at(gone), "../.."))).toBe(false);
  });

  it("of a stack that no longer owns the tools leaves them", async () => {
    const tool = binary("moon");
    await push("apply", manifest([tool]));
    await push("apply", manifest([tool], { owner: "s3" }));
    const result = await push("remove", manifest([tool]));
    expect(result).toMatchObject({ code: 0 });
    expect(result.said).toContain("it belongs to stack s3 now: left alone");
    expect(sha(at(tool))).toBe(sumOf(tool));
    await push("remove", manifest([tool], { owner: "s3" }));
    expect(readdirSync(join(home, ".local/share/warmbox"))).toEqual(["warmbox.sh"]);
  });

  it("a second time is fine, and directories that were there before stay", async () => {
    const tool = binary("moon");
    await push("apply", manifest([tool]));
    expect((await push("remove", manifest([tool]))).code).toBe(0);
    expect((await push("remove", manifest([tool]))).code).toBe(0);
    expect(readdirSync(join(home, ".local/share/warmbox"))).toEqual(["warmbox.sh"]);
  });
});

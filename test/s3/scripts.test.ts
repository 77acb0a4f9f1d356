import { execFileSync, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { hostPaths } from "../../plan/paths.ts";
import type { ServiceKind } from "../../plan/service-kind.ts";
import { credentialsPath, storeOfHost } from "../../plan/store.ts";
import { s3CredentialsScript, s3OwnCredentialsScript } from "../../render/s3/s3-credentials.ts";
import { type S3ServerInput, s3Directory, s3ServerRun, s3ServerScript } from "../../render/s3/s3-server.ts";
import { bytes } from "../../stacks/bytes.ts";
import { parseStackConfig } from "../../stacks/config.ts";
import { hostTextFile } from "../host/text-file.ts";
import { boxInput } from "../render/box.ts";
import { daemon } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";
import { toolPath } from "../tools.ts";
import { commandLinesHolding, filesHolding, keysIn } from "./keys.ts";

const LIBRARY = hostTextFile("warmbox.sh");
const FILE = ".config/warmbox/s3-credentials";
/** sha256 of a request without a body. */
const NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const KEYS = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalr=XUtn/FEMI+K7$MDENG" };

/** A HOME that has the library, and that a test leaves nothing of. */
async function home(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "warmbox-s3-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, ".local/share/warmbox"), { recursive: true });
  symlinkSync(LIBRARY, join(dir, ".local/share/warmbox/warmbox.sh"));
  return dir;
}

function inputFor(dir: string, generation = 3) {
  const input = boxInput({}, { s3: { kind: "embedded" } });
  return { ...input, generation, paths: hostPaths(input.host, dir, join(dir, ".cargo")) };
}

function sent(
  shell: readonly string[],
  script: string,
  word: "apply" | "remove" | "drift",
  dir: string,
): string {
  const [program = "", ...words] = shell;
  const env = { PATH: process.env.PATH ?? "", HOME: dir };
  return execFileSync(program, [...words, "-s", "--", word], {
    input: script,
    env,
    encoding: "utf8",
    stdio: "pipe",
  });
}

describe.each([[["dash"]], [["bash"]], [["busybox", "sh"]]])("under %j", (shell) => {
  it("the embedded server's keys are made once, kept, made again when lost, and removed", async () => {
    const dir = await home();
    const script = s3OwnCredentialsScript(inputFor(dir));
    sent(shell, script, "apply", dir);
    const first = keysIn(join(dir, FILE));
    expect(first.accessKeyId).toMatch(/^[0-9a-f]{20}$/);
    expect(first.secretAccessKey).toMatch(/^[0-9a-f]{40}$/);
    expect(statSync(join(dir, FILE)).mode & 0o777).toBe(0o600);
    sent(shell, s3OwnCredentialsScript(inputFor(dir, 4)), "apply", dir);
    expect(keysIn(join(dir, FILE))).toEqual(first);
    rmSync(join(dir, FILE));
    sent(shell, s3OwnCredentialsScript(inputFor(dir, 5)), "apply", dir);
    const second = keysIn(join(dir, FILE));
    expect(second.secretAccessKey).not.toBe(first.secretAccessKey);
    expect(filesHolding(dir, second.secretAccessKey)).toEqual([`${join(dir, FILE)} 600`]);
    expect(filesHolding(dir, first.secretAccessKey)).toEqual([]);
    sent(shell, script, "remove", dir);
    expect(existsSync(join(dir, FILE))).toBe(false);
  });

  it("the stack's keys are only in the file, and new keys replace them", async () => {
    const dir = await home();
    sent(shell, s3CredentialsScript(inputFor(dir), { ...KEYS, secretAccessKey: "of-before" }), "apply", dir);
    sent(shell, s3CredentialsScript(inputFor(dir), KEYS), "apply", dir);
    expect(keysIn(join(dir, FILE))).toEqual(KEYS);
    expect(filesHolding(dir, KEYS.secretAccessKey)).toEqual([`${join(dir, FILE)} 600`]);
    expect(filesHolding(dir, "of-before")).toEqual([]);
    sent(shell, s3CredentialsScript(inputFor(dir), KEYS), "remove", dir);
    expect(filesHolding(dir, KEYS.secretAccessKey)).toEqual([]);
  });
});

it("drift of the keys' file says that it differs, not how", async () => {
  const dir = await home();
  const script = s3CredentialsScript(inputFor(dir), KEYS);
  sent(["sh"], script, "apply", dir);
  writeFileSync(join(dir, FILE), "[default]\naws_secret_access_key = another\n");
  const env = { PATH: process.env.PATH ?? "", HOME: dir };
  const output = execFileSync("sh", ["-c", `. '${LIBRARY}'; observe`], { env, encoding: "utf8" });
  expect(output).toContain(`--- ${FILE} (applied)`);
  expect(output).not.toMatch(/another|wJalr/);
});

/** The server as a stack declares it. */
function serverInput(
  dir: string,
  s3: object = {},
  kind: ServiceKind = "process",
  scope = "user",
): S3ServerInput {
  const stack = parseStackConfig({ hosts: { box: { scope } }, s3: { kind: "embedded", ...s3 } });
  const { host } = boxInput({ scope });
  if (stack.s3?.kind !== "embedded") throw new Error("not embedded");
  const paths = hostPaths(host, dir, join(dir, ".cargo"));
  const store = storeOfHost(stack, "box");
  return {
    owner: "s3",
    generation: 3,
    host,
    paths,
    kind,
    store,
    server: stack.s3,
    toolPath: "/opt/versitygw",
  };
}

describe("the server's run script", () => {
  it("serves signed requests by the keys of the file, on loopback alone, and tells no process list", async () => {
    const dir = await home();
    const port = await freePort();
    const input = { ...serverInput(dir, { port, dir: "objects" }), toolPath: await toolPath("versitygw") };
    sent(["sh"], s3CredentialsScript(inputFor(dir), KEYS), "apply", dir);
    const script = join(dir, "run-s3");
    writeFileSync(script, s3ServerRun(input), { mode: 0o755 });
    const env = { PATH: process.env.PATH ?? "", AWS_SECRET_ACCESS_KEY: "not-for-it", VGW_PORT: ":1" };
    const child = await daemon([script], port, env);
    expect((await fetch(`http://127.0.0.1:${port}/warmbox`)).status).toBe(403);
    const curl = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "-K", "-"];
    const ask = (secret: string) =>
      execFileSync("curl", [...curl, `http://127.0.0.1:${port}/warmbox?list-type=2`], {
        encoding: "utf8",
        input: `user = "${KEYS.accessKeyId}:${secret}"\naws-sigv4 = "aws:amz:us-east-1:s3"\nheader = "x-amz-content-sha256: ${NOTHING}"\n`,
      });
    expect(ask(KEYS.secretAccessKey)).toBe("200");
    expect(ask("wrong")).toBe("403");
    expect(commandLinesHolding(KEYS.secretAccessKey)).toEqual([]);
    const environment = readFileSync(`/proc/${child.pid}/environ`, "utf8");
    expect(environment).not.toMatch(/not-for-it|VGW_PORT/);
    expect(environment).toContain(KEYS.secretAccessKey); // where only its own user and root can look
    expect(statSync(join(dir, "objects/warmbox")).isDirectory()).toBe(true);
    const listeners = execFileSync(
      "sh",
      ["-c", `cat /proc/${child.pid}/net/tcp | awk '$4 == "0A" { print $2 }'`],
      {
        encoding: "utf8",
      },
    );
    const hex = port.toString(16).toUpperCase().padStart(4, "0");
    expect(listeners.split("\n").filter((line) => line.endsWith(`:${hex}`))).toEqual([`0100007F:${hex}`]);
  });

  it("keeps its objects within the cap, the ones written longest ago first, and none that is being written", async () => {
    const dir = await home();
    const port = await freePort();
    const declared = serverInput(dir, { port, dir: "objects" });
    const server = { ...declared.server, max_size: bytes(1_000_000) };
    const prune = { everySeconds: 1, restSeconds: 2 };
    const input = { ...declared, server, prune, toolPath: await toolPath("versitygw") };
    sent(["sh"], s3CredentialsScript(inputFor(dir), KEYS), "apply", dir);
    const script = join(dir, "run-s3");
    writeFileSync(script, s3ServerRun(input), { mode: 0o755 });
    await daemon([script], port, { PATH: process.env.PATH ?? "" });
    const body = join(dir, "body");
    writeFileSync(body, Buffer.alloc(200_000, 1));
    const put = (name: string, ...more: string[]) => {
      const words = [
        "-s",
        "-S",
        "-f",
        "-K",
        "-",
        "-T",
        body,
        ...more,
        `http://127.0.0.1:${port}/warmbox/${name}`,
      ];
      const child = spawn("curl", words, { stdio: ["pipe", "inherit", "inherit"] });
      child.stdin.end(
        `user = "${KEYS.accessKeyId}:${KEYS.secretAccessKey}"\naws-sigv4 = "aws:amz:us-east-1:s3"\nheader = "x-amz-content-sha256: UNSIGNED-PAYLOAD"\n`,
      );
      return new Promise((done) => child.once("close", done));
    };
    const bucket = join(dir, "objects/warmbox");
    const names = () => readdirSync(bucket).filter((name) => name !== ".sgwtmp");
    for (const [age, name] of ["oldest", "older", "old", "young"].entries()) {
      expect(await put(name)).toBe(0);
      utimesSync(join(bucket, name), new Date(), new Date(Date.now() - (9 - age) * 60_000));
    }
    const slow = put("slow", "--limit-rate", "40k"); // five seconds
    expect(await put("new")).toBe(0);
    expect(await put("newer")).toBe(0);
    await expect.poll(() => names().sort(), { timeout: 20_000 }).toEqual(["new", "newer", "old", "young"]);
    expect(await slow).toBe(0);
    await expect.poll(() => names().sort(), { timeout: 20_000 }).toContain("slow");
    expect(statSync(join(bucket, "slow")).size).toBe(200_000);
  });

  it("refuses to start without keys: versitygw would take anybody's", async () => {
    const dir = await home();
    const script = join(dir, "run-s3");
    writeFileSync(script, s3ServerRun(serverInput(dir)), { mode: 0o755 });
    const child = spawn(script, { stdio: ["ignore", "ignore", "pipe"] });
    let output = "";
    child.stderr.on("data", (data: Buffer) => (output += data));
    const code = await new Promise((done) => child.once("close", done));
    expect(code).toBe(78);
    expect(output).toContain(
      `warmbox: s3: no keys in ${join(dir, FILE)}; next: run pulumi up, which puts them back\n`,
    );
  });
});

describe("the server's unit", () => {
  it.each(["user", "system"] as const)(
    "of %s scope is as recorded, and systemd finds no fault in it",
    async (scope) => {
      const kind = `systemd-${scope}` as const;
      const text = s3ServerScript(serverInput("/home/ci", {}, kind, scope));
      const unit =
        /warmbox-s3\.service 0644 check=unit <<'WARMBOX-END'\n([\s\S]*?)WARMBOX-END/.exec(text)?.[1] ?? "";
      await expect(unit).toMatchFileSnapshot(`../golden/warmbox-s3-${scope}.service`);
      const dir = await mkdtemp(join(tmpdir(), "warmbox-s3-unit-"));
      onTestFinished(() => rm(dir, { recursive: true, force: true }));
      writeFileSync(join(dir, "warmbox-s3.service"), unit);
      const verify = [
        "-c",
        `systemd-analyze --${scope} --man=no verify "$1" 2>&1 | grep -F warmbox-s3`,
        "sh",
      ];
      const output = spawnAndRead("sh", [...verify, join(dir, "warmbox-s3.service")]);
      expect(output).toBe("");
    },
  );

  it("of system scope keeps its objects where systemd can, or says what to write", () => {
    expect(s3Directory(serverInput("/home/ci", {}, "systemd-system", "system"))).toBe(
      "/var/cache/warmbox-s3",
    );
    expect(() =>
      s3ServerScript(serverInput("/home/ci", { dir: "/srv/s3" }, "systemd-system", "system")),
    ).toThrow(/expected: a directory below \/var\/cache\/ .*\n {4}next: {5}write \/var\/cache\/warmbox-s3/);
  });

  it("gets the keys from systemd, for root's file is 0600", () => {
    const input = serverInput("/home/ci", {}, "systemd-system", "system");
    const script = s3ServerScript(input);
    expect(credentialsPath(input.paths)).toBe("/etc/warmbox/s3-credentials");
    expect(script).toContain("LoadCredential=s3-credentials:/etc/warmbox/s3-credentials\n");
    expect(script).toContain('sed -n "s/^$1 = //p" /run/credentials/warmbox-s3.service/s3-credentials;');
  });
});

function spawnAndRead(program: string, words: string[]): string {
  try {
    return execFileSync(program, words, { encoding: "utf8" });
  } catch (error) {
    return (error as { stdout: string }).stdout; // grep found nothing
  }
}

it("every key of the embedded kind changes a script", () => {
  const all = (s3: object) => s3ServerScript(serverInput("/home/ci", s3));
  for (const s3 of [
    { port: 7071 },
    { dir: "o" },
    { max_size: "2GiB" },
    { bucket: "two" },
    { region: "eu-west-2" },
  ])
    expect(all(s3), JSON.stringify(s3)).not.toBe(all({}));
});

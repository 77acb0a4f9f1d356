/**
 * Puts tool binaries on one host. `node host/push-tools.ts apply|remove` with a manifest (JSON) on standard
 * input; Pulumi runs it on the operator's machine as the `tools` resource of a host. Binaries are obtained
 * here, once, and pushed to a host that lacks them, so a host needs neither internet nor toolchain.
 */
import { spawn } from "node:child_process";
import { createReadStream, realpathSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { isUserError } from "../stacks/errors.ts";
import { shellWord } from "../stacks/shell.ts";
import type { Arch, ObtainedTool } from "../tools/cache.ts";
import { obtainTool } from "../tools/obtain.ts";
import { startProgress } from "../tools/progress.ts";
import { scopePaths } from "./paths.ts";
import type { PushedTool } from "./pushed-tools.ts";
import { scriptText } from "./scripts.ts";

/** What the resource's standard input says. */
export type PushManifest = {
  /** The host's name in the stack, for messages. */
  host: string;
  /** The argv prefix that runs `sh -s -- WORDS` on the host. */
  prefix: string[];
  arch: Arch;
  scope: "user" | "system";
  /** The stack that owns the tools, and the generation of its ledger. */
  owner: string;
  generation: number;
  tools: PushedTool[];
};

/** Makes the host have exactly the manifest's tools; one round trip where it has them already. */
export async function applyTools(manifest: PushManifest): Promise<void> {
  const answers = await runSession(manifest, ["check"]);
  const missing = manifest.tools.filter((tool) => answers.includes(`@@lack ${keyOf(tool)}`));
  if (missing.length === 0) return;
  const uploads: Upload[] = [];
  for (const pushed of missing) uploads.push(await pack(manifest, pushed, answers.includes("@@gzip")));
  await runSession(manifest, ["begin", ...uploads.map((upload) => upload.call), "finish"], uploads);
}

/** Removes what `applyTools` put there, unless it was changed since or belongs to another stack now. */
export async function removeTools(manifest: PushManifest): Promise<void> {
  await runSession(manifest, ["remove"]);
}

/** One binary ready to go: the shell call that receives it, and its bytes once the host asks for them. */
type Upload = { key: string; call: string; bytes: number; open: () => Readable };

async function pack(manifest: PushManifest, pushed: PushedTool, zipped: boolean): Promise<Upload> {
  const { tool, source } = pushed;
  const binary = await obtainTool(tool, { arch: manifest.arch, source });
  const call = (...args: (string | number)[]) =>
    `receive ${[keyOf(pushed), binary.sha256, ...args].map(shellWord).join(" ")}`;
  const upload = (bytes: number, how: string, open: () => Readable) => ({
    key: keyOf(pushed),
    call: call(bytes, how),
    bytes,
    open,
  });
  if (isThisMachine(manifest.prefix))
    return { ...upload(0, "copy", () => Readable.from([])), call: call(0, "copy", binary.path) };
  if (!zipped) return upload((await stat(binary.path)).size, "raw", () => createReadStream(binary.path));
  const packed = await zip(binary);
  return upload(packed.length, "gzip", () => Readable.from(slices(packed)));
}

/** The plain prefix of a local host; any other may lead to another file system. */
function isThisMachine(prefix: string[]): boolean {
  return prefix.length === 3 && /(^|\/)sh$/.test(prefix[0] ?? "") && prefix[1] === "-s";
}

async function zip({ path }: ObtainedTool): Promise<Buffer> {
  return await promisify(gzip)(await readFile(path), { level: 4 });
}

/** Pieces of this many bytes: small enough for a counter that moves. */
const SLICE = 256 * 1024;

function* slices(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += SLICE) yield bytes.subarray(start, start + SLICE);
}

function keyOf({ tool, version }: PushedTool): string {
  return `${tool}/${version}`;
}

/** Runs the calls on the host in one session, sends each upload when it is asked for, returns the `@@` lines. */
async function runSession(
  manifest: PushManifest,
  calls: string[],
  uploads: Upload[] = [],
): Promise<string[]> {
  const [program, ...args] = manifest.prefix as [string, ...string[]];
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise<number>((resolve, reject) => {
    child.on("error", (error) =>
      reject(new Error(`warmbox: ${manifest.host}-tools: ${program}: ${error.message}`)),
    );
    child.on("close", (code) => resolve(code ?? 70));
  });
  child.stdin.on("error", () => {}); // the host ended first; its exit code says why
  child.stdin.write(await sessionScript(manifest, calls));
  const unsent = new Set(uploads.filter((upload) => upload.bytes > 0));
  if (unsent.size === 0) child.stdin.end();
  const answers: string[] = [];
  const listening = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      answers.push(line);
      const upload = [...unsent].find((p) => line === `@@send ${p.key}`);
      if (!upload) continue;
      await send(upload, child.stdin, manifest.host);
      unsent.delete(upload);
      if (unsent.size === 0) child.stdin.end();
    }
  })();
  const code = await ended;
  await listening;
  if (code !== 0) throw new SessionError(code);
  return answers;
}

/** The host's script ended with this code and has said why. */
class SessionError extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`ended with ${code}`);
    this.code = code;
  }
}

async function send(upload: Upload, to: NodeJS.WritableStream, host: string): Promise<void> {
  const progress = startProgress(`${host}: pushing ${upload.key.replace("/", " ")}`);
  const mebi = (bytes: number) => Math.ceil(bytes / 1024 ** 2);
  let sentBytes = 0;
  const counted = async function* (source: AsyncIterable<Buffer>) {
    for await (const piece of source) {
      yield piece;
      sentBytes += piece.length;
      progress.count(mebi(sentBytes), mebi(upload.bytes), "MiB");
    }
  };
  await pipeline(upload.open(), counted, to, { end: false }).catch(() => {});
  progress.end(`${mebi(sentBytes)} of ${mebi(upload.bytes)} MiB sent`);
}

/** The whole script: settings, the functions, and a last line that calls them (why last: see push-tools.sh). */
async function sessionScript(manifest: PushManifest, calls: string[]): Promise<string> {
  const { host, scope, owner, generation, tools } = manifest;
  const { tools: root, share, state } = scopePaths(scope, "$HOME");
  const settings = [
    `host=${shellWord(host)} owner=${shellWord(owner)} generation=${shellWord(generation)} scope=${scope}`,
    `root="${root}" library="${share}/warmbox.sh" state="${state}"`,
    `keys=${shellWord(tools.map(keyOf).join(" "))}`,
  ];
  const functions = scriptText("push-tools.sh");
  return `${settings.join("\n")}\n${functions}\nsession() {\n${calls.join("\n")}\nexit\n}\nsession\n`;
}

async function main(action: string | undefined): Promise<void> {
  const manifest = JSON.parse(await text(process.stdin)) as PushManifest;
  if (action === "apply") await applyTools(manifest);
  else if (action === "remove") await removeTools(manifest);
  else throw new Error(`usage: node host/push-tools.ts apply|remove, not ${action}`);
}

// Not import.meta.main, which older Nodes do not have: this file would then do nothing and report success.
if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === import.meta.filename) {
  try {
    await main(process.argv[2]);
  } catch (error) {
    if (!(error instanceof SessionError))
      console.error(`${isUserError(error) ? "warmbox: " : ""}${(error as Error).message}`);
    process.exitCode = error instanceof SessionError ? error.code : 1;
  }
}

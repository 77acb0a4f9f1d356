/**
 * The vendors' own released binaries: seconds instead of minutes, where the internet can be reached.
 * Each is used only with a checksum: the vendor's own, fetched beside it, or one pinned here.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { isUserError, UserError } from "../stacks/errors.ts";
import { PINNED, type ToolName } from "../stacks/versions.ts";
import { type Arch, sha256Of } from "./cache.ts";
import { downloadFile, downloadText } from "./download.ts";
import type { Progress } from "./progress.ts";
import { isWorthAsking, reasonNotToAsk, rememberUnreachable } from "./reachable.ts";
import { environment, run } from "./run.ts";

/** Where the vendors release. */
export const VENDOR_URL = "https://github.com";

/** One released binary. `sum` is a pinned sha256, or the URL of a text that holds the asset's. */
export type Asset = { url: string; sum: { sha256: string } | { url: string }; packed: "tar.gz" | "plain" };

/** The vendor's binary of a tool's pinned version; null where there is none with a checksum. */
export function vendorAsset(tool: ToolName, arch: Arch, base: string): Asset | null {
  const version = PINNED[tool];
  switch (tool) {
    case "sccache": {
      const url = `${base}/mozilla/sccache/releases/download/v${version}/sccache-v${version}-${arch}-unknown-linux-musl.tar.gz`;
      return { url, sum: { url: `${url}.sha256` }, packed: "tar.gz" };
    }
    case "bazel-remote": {
      // The release carries no checksum file, so only a file whose sha256 is known can be used.
      const sha256 = BAZEL_REMOTE_SHA256[arch];
      if (!sha256) return null;
      const url = `${base}/buchgr/bazel-remote/releases/download/v${version}/bazel-remote-${version}-linux-${GO_ARCH[arch]}`;
      return { url, sum: { sha256 }, packed: "plain" };
    }
    case "versitygw": {
      const folder = `${base}/versity/versitygw/releases/download/v${version}`;
      const name = `versitygw_v${version}_Linux_${arch === "aarch64" ? "arm64" : arch}.tar.gz`;
      return { url: `${folder}/${name}`, sum: { url: `${folder}/checksums.txt` }, packed: "tar.gz" };
    }
    case "moon":
      return null; // npm has it, with a checksum in the lock file
  }
}

/** Go's word for a processor. */
export const GO_ARCH: Readonly<Record<Arch, string>> = { x86_64: "amd64", aarch64: "arm64" };

/**
 * sha256 of bazel-remote 2.6.2's released files, as another project pins them (boringcache/cli). A file that
 * differs is not used; the tool is then built from its Go module.
 */
const BAZEL_REMOTE_SHA256: Readonly<Partial<Record<Arch, string>>> = {
  x86_64: "62e236bf8396e69396928e0d0c32062fbd5575f20fe55dc10a82eb791297e1a0",
};

/** Downloads the asset into `dir` and returns the path of the tool's binary there. */
export async function fetchAsset(
  tool: ToolName,
  asset: Asset,
  dir: string,
  progress: Progress,
): Promise<string> {
  const host = new URL(asset.url).host;
  if (!isWorthAsking(host)) throw new UserError("unreachable", `${host}: not contacted, ${reasonNotToAsk()}`);
  try {
    const expected = "sha256" in asset.sum ? asset.sum.sha256 : await publishedSum(asset.sum.url, asset.url);
    return await fetchFile(tool, { ...asset, sha256: expected }, dir, progress);
  } catch (error) {
    if (isUserError(error, "unreachable")) rememberUnreachable(host);
    throw error;
  }
}

/** Downloads a file with a known sha256 and unpacks it; returns the path of the tool's binary. */
export async function fetchFile(
  tool: ToolName,
  { url, sha256, packed }: { url: string; sha256: string; packed: Asset["packed"] },
  dir: string,
  progress: Progress,
): Promise<string> {
  await mkdir(dir, { recursive: true });
  const file = join(dir, packed === "plain" ? tool : "archive.tar.gz");
  await downloadFile(url, file, (bytes, total) => progress.count(mebi(bytes), mebi(total), "MiB"));
  await demandSum(file, sha256, url);
  return packed === "plain" ? file : await unpack(file, tool, dir);
}

/** Throws when the file's sha256 is another than `expected`. `origin` names it in the message. */
export async function demandSum(file: string, expected: string, origin: string): Promise<void> {
  const sha256 = await sha256Of(file);
  if (sha256 !== expected.toLowerCase()) {
    throw new UserError(
      "failed",
      `${origin} has sha256 ${sha256}, expected is ${expected.toLowerCase()}: it is not used`,
    );
  }
}

/** Unpacks a .tar.gz and finds the tool's binary in it, at the top or one directory down. */
export async function unpack(archive: string, tool: string, dir: string): Promise<string> {
  const env = environment(/^TAR_OPTIONS$/, {});
  const list = await run({ argv: ["tar", "-tzf", archive], cwd: dir, env });
  const entry =
    list.split("\n").find((name) => name.split("/").length <= 2 && name.endsWith(`/${tool}`)) ??
    list.split("\n").find((name) => name === tool);
  if (!entry) throw new UserError("failed", `${archive} holds no file ${tool}`);
  await run({ argv: ["tar", "-xzf", archive, "-C", dir, "--", entry], cwd: dir, env });
  return join(dir, entry);
}

/** A vendor's checksum text is either the bare digest or lines of `digest  file`. */
async function publishedSum(sumUrl: string, assetUrl: string): Promise<string> {
  const name = assetUrl.slice(assetUrl.lastIndexOf("/") + 1);
  const text = await downloadText(sumUrl);
  const line = text.split("\n").find((l) => l.trim().endsWith(name)) ?? text;
  const sum = /^[0-9a-f]{64}\b/i.exec(line.trim())?.[0];
  if (!sum) throw new UserError("failed", `${sumUrl} holds no sha256 of ${name}`);
  return sum;
}

function mebi(bytes: number): number {
  return Math.round(bytes / 1024 ** 2);
}

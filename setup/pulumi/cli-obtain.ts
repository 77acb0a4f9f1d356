/** The two ways to a Pulumi CLI where none is installed: Pulumi's release, or a build from its Go module. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isUserError, UserError } from "../../stacks/errors.ts";
import { findOnPath } from "../../tools/base.mjs";
import { buildGo } from "../../tools/build-go.ts";
import { sha256Of, thisArch } from "../../tools/cache.ts";
import { downloadFile, downloadText } from "../../tools/download.ts";
import { type Progress, startProgress } from "../../tools/progress.ts";
import { isReachable, isWorthAsking, rememberUnreachable } from "../../tools/reachable.ts";
import { GO_VERSION } from "../../tools/versions.ts";
import { CHECKSUM_HOST, PULUMI_VERSION, RELEASE_HOST } from "./versions.ts";

const MIB = 1024 * 1024;
const PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi";
/** Build tags: no libc for user names, and no trace code, which lets the linker drop what is not used. */
const BUILD_TAGS = "osusergo,grpcnotrace";

/** Where a release's archive and its published checksums are asked for. */
export type ReleaseHosts = { archives: string; checksums: string };
const PULUMI_HOSTS: ReleaseHosts = { archives: RELEASE_HOST, checksums: CHECKSUM_HOST };

/** The key in the memory of unreachable hosts for a release that was downloaded and refused. */
export const refusedRelease = (host: string): string => `${host}#pulumi-${PULUMI_VERSION}`;

/** Downloads and unpacks the release into `directory`; false if that fails. */
export async function downloadCli(directory: string, hosts: ReleaseHosts = PULUMI_HOSTS): Promise<boolean> {
  if (!isWorthAsking(refusedRelease(hosts.archives)) || !(await isReachable(hosts.archives))) return false;
  const progress = startProgress(`pulumi ${PULUMI_VERSION}`);
  try {
    const archive = await downloadChecked(directory, hosts, progress);
    execFileSync("tar", ["-xzf", archive, "-C", directory, "--strip-components=1"]);
    rmSync(archive);
    progress.end("downloaded");
    return existsSync(join(directory, "pulumi"));
  } catch (error) {
    // A wrong checksum says nothing about the host, which has the plugin too: only this release is not asked for again.
    rememberUnreachable(isUserError(error, "unreachable") ? hosts.archives : refusedRelease(hosts.archives));
    progress.end(`not downloaded (${(error as Error).message})`);
    return false;
  }
}

async function downloadChecked(directory: string, hosts: ReleaseHosts, progress: Progress): Promise<string> {
  const name = `pulumi-v${PULUMI_VERSION}-linux-${process.arch}.tar.gz`;
  const sums = await downloadText(
    `${hosts.checksums}/pulumi/pulumi/releases/download/v${PULUMI_VERSION}/pulumi-${PULUMI_VERSION}-checksums.txt`,
  );
  const expected = sums
    .split("\n")
    .find((line) => line.endsWith(` ${name}`))
    ?.split(" ")[0];
  if (expected === undefined) throw new Error(`no checksum is published for ${name}`);
  const archive = join(directory, name);
  await downloadFile(`${hosts.archives}/releases/sdk/${name}`, archive, (bytes, total) =>
    progress.count(Math.round(bytes / MIB), Math.round(total / MIB), "MiB"),
  );
  const actual = await sha256Of(archive);
  if (actual !== expected) throw new Error(`${name} has sha256 ${actual}, published is ${expected}`);
  return archive;
}

/** Builds the CLI at `out`, with `directory` for what only the build needs, from the Go module that setup/pulumi/go pins with every dependency by go.sum. */
export async function buildCli(out: string, directory: string): Promise<void> {
  demandGo();
  mkdirSync(directory, { recursive: true });
  const progress = startProgress(`pulumi ${PULUMI_VERSION} (build from source, about 4 minutes on 2 cores)`);
  const flags = process.env.GOFLAGS;
  process.env.GOFLAGS = [flags, `-tags=${BUILD_TAGS}`].filter(Boolean).join(" ");
  try {
    const version = `-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v${PULUMI_VERSION}`;
    const tool = { module: join(import.meta.dirname, "go"), pkg: PACKAGE, ldflags: version };
    await buildGo(tool, thisArch(), out, directory, progress);
    // Kept until now so that an interrupted build continues: 1.4 GB that are of no use any more.
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
    progress.end("built");
  } catch (error) {
    progress.end("failed");
    throw new UserError(
      "missing",
      `the Pulumi CLI cannot be built: ${(error as Error).message}\nNext: install Pulumi (https://www.pulumi.com/docs/install/) and run this again`,
    );
  } finally {
    if (flags === undefined) delete process.env.GOFLAGS;
    else process.env.GOFLAGS = flags;
  }
}

function demandGo(): void {
  if (findOnPath("go")) return;
  throw new UserError(
    "missing",
    `Pulumi is not installed, its release cannot be downloaded, and go is not on PATH to build it. Next: install Pulumi ${PULUMI_VERSION} or newer (https://www.pulumi.com/docs/install/), or Go ${GO_VERSION} or newer`,
  );
}

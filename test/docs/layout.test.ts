import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { cargoBox } from "../client/sccache.ts";
import { daemon } from "../support/daemon.ts";
import { temporaryDirectory } from "../support/files.ts";
import { freePort } from "../support/free-port.ts";
import { toolPath } from "../tools.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/how-it-works.md"), "utf8");

/** The layouts that the table of tiers names for one directory, as regular expressions. */
function layouts(directory: string): RegExp[] {
  const row = page.split("\n").find((line) => line.startsWith("|") && line.includes(`\`${directory}\``));
  const cell = row?.split("|").at(-2) ?? "";
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, layout = ""]) => pattern(layout));
}

/** `ab` and `a` are the first digits of HASH, SIZE is a number, and `…` is anything. */
function pattern(layout: string): RegExp {
  const source = layout
    .replaceAll(".", "\\.")
    .replace(/\ba\/b\//, "(?<first>[0-9a-f])/(?<second>[0-9a-f])/")
    .replace(/\bab\//, "(?<start>[0-9a-f]{2})/")
    .replace("HASH", "(?<hash>[0-9a-f]{64})")
    .replace("SIZE", "\\d+")
    .replace("…", ".+");
  return new RegExp(`^${source}$`);
}

/** Files below a directory, relative to it. */
function filesBelow(directory: string): string[] {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
}

function expectLayout(files: readonly string[], patterns: readonly RegExp[]): void {
  for (const file of files) {
    const match = patterns.map((layout) => layout.exec(file)).find((result) => result !== null);
    expect(match, `${file} has the layout that docs/how-it-works.md names`).toBeDefined();
    const { first = "", second = "", start = "", hash = "" } = match?.groups ?? {};
    expect(hash.startsWith(`${first}${second}${start}`), file).toBe(true);
  }
}

it("sccache's directory is laid out as the documentation says", async () => {
  const patterns = layouts("~/.cache/sccache");
  expect(patterns).toHaveLength(1);
  const box = await cargoBox();
  await box.serve();
  expect(await box.build()).toMatchObject({ code: 0 });
  const cache = join(box.dir, "cache");
  await expect.poll(() => filesBelow(cache).length).toBeGreaterThan(1);
  const files = filesBelow(cache);
  expectLayout(files, patterns);
  for (const file of files) expect(readFileSync(join(cache, file)).subarray(0, 2).toString()).toBe("PK"); // zip
});

it("bazel-remote's directory is laid out as the documentation says", async () => {
  const patterns = layouts("~/.cache/bazel-remote");
  expect(patterns).toHaveLength(2);
  const dir = await temporaryDirectory();
  const [http, grpc] = [await freePort(), await freePort()];
  const argv = [await toolPath("bazel-remote"), "--dir", dir, "--max_size", "1"];
  const addresses = [`--http_address=127.0.0.1:${http}`, `--grpc_address=127.0.0.1:${grpc}`];
  await daemon([...argv, ...addresses], http, {});
  const body = Uint8Array.of(0x2a, 1, 0x78); // an ActionResult whose stdout is "x"
  const hash = createHash("sha256").update(body).digest("hex");
  for (const kind of ["cas", "ac"]) {
    const response = await fetch(`http://127.0.0.1:${http}/${kind}/${hash}`, { method: "PUT", body });
    expect(response.status).toBe(200);
  }
  const files = filesBelow(dir);
  expect(files.map((file) => file.split("/")[0]).toSorted()).toEqual(["ac.v2", "cas.v2"]);
  expectLayout(files, patterns);
});

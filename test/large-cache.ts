import { createHash } from "node:crypto";
import { linkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Most links that common file systems give one file. */
const MOST_LINKS = 50_000;

/** Names as bazel-remote gives them to files of its cache. */
function pathOf(dir: string, bytes: number, n: number): string {
  const hash = createHash("sha256").update(`${n}`).digest("hex");
  return join(dir, "cas.v2", hash.slice(0, 2), `${hash}-${bytes}-123456789`);
}

/**
 * Puts many files of one size into the directory of a bazel-remote, all of them links to a few: it reads them for a second
 * or two at its next start. One that runs does not see them.
 */
export function fillCache(dir: string, many: number, bytes: number): void {
  let one = "";
  for (let n = 0; n < many; n++) {
    const path = pathOf(dir, bytes, n);
    if (n % MOST_LINKS !== 0) {
      linkSync(one, path);
      continue;
    }
    writeFileSync(path, Buffer.alloc(bytes));
    one = path;
  }
}

/** Takes those files away again, and no other. */
export function unfillCache(dir: string, many: number, bytes: number): void {
  for (let n = 0; n < many; n++) rmSync(pathOf(dir, bytes, n));
}

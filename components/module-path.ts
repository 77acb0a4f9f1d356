import { existsSync, realpathSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Path of a file of warmbox, relative to the program's folder. Pulumi's state keeps it and `destroy` runs it, on any
 * machine that has the program: so it is neither absolute nor, where a package manager links packages into a store, the
 * path in that store, which has the version in it.
 *
 * @param file relative to this module
 */
export function modulePath(file: string): string {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const folder = process.cwd();
  return relative(folder, linkedPath(path, folder) ?? path);
}

/** The same file below the nearest `node_modules` that leads to this package, by a link or directly. */
function linkedPath(path: string, folder: string): string | undefined {
  const root = packageRoot(path);
  const link = join(folder, "node_modules", "warmbox");
  if (existsSync(link) && realpathSync(link) === root) return join(link, relative(root, path));
  return dirname(folder) === folder ? undefined : linkedPath(path, dirname(folder));
}

/** The folder of the nearest package.json. */
function packageRoot(path: string): string {
  const folder = dirname(path);
  return existsSync(join(folder, "package.json")) || folder === sep ? folder : packageRoot(folder);
}

/** What a program depends on: Pulumi packages for the engine, and all packages for `pulumi about`. */
import { createRequire } from "node:module";
import { join } from "node:path";
import { readJson } from "../../../tools/files.ts";

/** A resource plugin that a package of the program needs. */
export type PluginNeed = { name: string; version: string; server: string };
/** A package of the program. */
export type Dependency = { name: string; version: string };

type PackageJson = {
  name?: string;
  version?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  pulumi?: { resource?: boolean; name?: string; version?: string; server?: string };
};
type PackageLock = { packages?: Record<string, { version?: string; link?: boolean }> };

function directNames(directory: string): string[] {
  const manifest = readJson<PackageJson>(join(directory, "package.json"));
  return Object.keys({ ...manifest?.dependencies, ...manifest?.devDependencies }).sort();
}

/** package.json of an installed package, as the program would resolve it. */
function installed(directory: string, name: string): PackageJson | undefined {
  const paths = createRequire(join(directory, "index.js")).resolve.paths(name) ?? [];
  for (const path of paths) {
    const manifest = readJson<PackageJson>(join(path, name, "package.json"));
    if (manifest) return manifest;
  }
  return undefined;
}

/**
 * The plugins of the packages that the program names in its package.json. The released host walks all of
 * node_modules, which takes longer and also finds packages of packages; the engine loads those on first use.
 */
export function neededPlugins(directory: string): PluginNeed[] {
  return directNames(directory).flatMap((name) => {
    const manifest = installed(directory, name);
    if (!manifest?.pulumi?.resource) return [];
    const version = manifest.pulumi.version ?? manifest.version ?? "";
    return [
      {
        name: manifest.pulumi.name ?? name.replace(/^@pulumi\//, ""),
        version: version.startsWith("v") ? version : `v${version}`,
        server: manifest.pulumi.server ?? "",
      },
    ];
  });
}

/** The program's packages: those it names, or all that the lock file holds. */
export function dependencies(directory: string, transitive: boolean): Dependency[] {
  if (!transitive) {
    return directNames(directory).flatMap((name) => {
      const version = installed(directory, name)?.version;
      return version === undefined ? [] : [{ name, version }];
    });
  }
  const lock = readJson<PackageLock>(join(directory, "package-lock.json"));
  return Object.entries(lock?.packages ?? {}).flatMap(([path, entry]) => {
    const name = path.split("node_modules/").at(-1) ?? "";
    return name === "" || entry.version === undefined ? [] : [{ name, version: entry.version }];
  });
}

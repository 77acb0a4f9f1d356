import { existsSync, readdirSync, readFileSync } from "node:fs";

/** Where the shell programs are that run on hosts. */
const SCRIPTS = new URL("scripts/", import.meta.url);

/**
 * A program that runs on hosts, whole. What is too long for one file here is a folder of parts: `warmbox.sh` is
 * `warmbox/00-head.sh` and what follows it, joined in the order of their names. `host/send-library.sh` joins them the
 * same way: what it sends must have the sha256 of what is read here.
 *
 * Synchronous: twenty small files are read in half a millisecond so, and in four by promises.
 *
 * @param name what it is called on a host, and below host/scripts/ where it is one file
 */
export function hostText(name: string): string {
  const parts = partsOf(name);
  const files = parts.length > 0 ? parts : [name];
  return files.map((file) => readFileSync(new URL(file, SCRIPTS), "utf8")).join("");
}

/** Paths below host/scripts/ of the parts of a text, in the order in which they are joined; none where it is one file. */
export function partsOf(name: string): string[] {
  const folder = name.replace(/\.sh$/, "");
  const at = new URL(folder, SCRIPTS);
  if (!existsSync(at)) return [];
  // what a shell takes for *.sh, which leaves hidden files out: an editor's lock is one
  const parts = readdirSync(at).filter((file) => file.endsWith(".sh") && !file.startsWith("."));
  return parts.sort().map((file) => `${folder}/${file}`);
}

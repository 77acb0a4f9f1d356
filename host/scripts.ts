import { existsSync, readdirSync, readFileSync } from "node:fs";

/** Where the shell programs are that run on hosts. */
const SCRIPTS = new URL("scripts/", import.meta.url);

/**
 * Programs that run on hosts, each whole. A program that is too long for one file here is a folder of parts:
 * `warmbox.sh` is `warmbox/00-head.sh` and what follows it, joined in the order of their names. A line `# Needs: FILE…`
 * in its first file names files below host/scripts/ that come first, each once. `host/send-library.sh` joins a program
 * the same way: what it sends must have the sha256 of what is read here.
 *
 * Synchronous: twenty small files are read in half a millisecond so, and in four by promises.
 *
 * @param names what each is called on a host, and below host/scripts/ where it is one file
 */
export function scriptText(...names: string[]): string {
  const files = names.flatMap((name) => {
    const parts = partsOf(name);
    const programFiles = parts.length > 0 ? parts : [name];
    return [...neededBy(programFiles[0] ?? name), ...programFiles];
  });
  return [...new Set(files)].map(scriptFile).join("");
}

/** The shared files that a program names in its first file. */
function neededBy(file: string): string[] {
  return /^# Needs: (.+)$/m.exec(scriptFile(file))?.[1]?.split(" ") ?? [];
}

function scriptFile(file: string): string {
  return readFileSync(new URL(file, SCRIPTS), "utf8");
}

/** Paths below host/scripts/ of a program's parts, in the order in which they are joined; none where it is one file. */
export function partsOf(name: string): string[] {
  const folder = name.replace(/\.sh$/, "");
  const url = new URL(folder, SCRIPTS);
  if (!existsSync(url)) return [];
  // what a shell's *.sh matches, which leaves out hidden files such as an editor's lock
  const parts = readdirSync(url).filter((file) => file.endsWith(".sh") && !file.startsWith("."));
  return parts.sort().map((file) => `${folder}/${file}`);
}

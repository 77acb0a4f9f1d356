import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** The folder of the sender. */
export const HOST = join(import.meta.dirname, "../../host");
/** The folder of the shell programs that run on hosts. */
export const SCRIPTS = join(HOST, "scripts");

/** The library's script as it reaches a host: what `host/send-library.sh`, or its copy in another folder, makes of it. */
export function sentLibrary(script: string, folder = HOST): string {
  return execFileSync("/bin/sh", [join(folder, "send-library.sh"), "cat"], {
    input: script,
    encoding: "utf8",
  });
}

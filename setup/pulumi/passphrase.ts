/**
 * The passphrase that encrypts secrets in a stack's state. Pulumi asks for one; so that the first `up` asks
 * nothing, a random one is made for this user and kept. https://www.pulumi.com/docs/concepts/secrets/
 */
import { randomBytes } from "node:crypto";
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { UserError } from "../../stacks/errors.ts";
import type { Project } from "../../stacks/project.ts";
import { baseDirectory } from "../../tools/base.mjs";

const PASSPHRASE_BYTES = 32;

/** `${XDG_CONFIG_HOME:-~/.config}/warmbox/passphrase` */
export function passphraseFile(env: NodeJS.ProcessEnv = process.env): string {
  return join(baseDirectory("config", env), "warmbox", "passphrase");
}

/**
 * The variables that give Pulumi the passphrase; none when the user has set one. Throws when a stack is
 * encrypted already and there is no passphrase: a new one could not decrypt it.
 */
export function passphraseVariables(project: Project, env: NodeJS.ProcessEnv): Record<string, string> {
  if (env.PULUMI_CONFIG_PASSPHRASE !== undefined || env.PULUMI_CONFIG_PASSPHRASE_FILE) return {};
  const file = passphraseFile(env);
  if (!existsSync(file)) {
    refuseIfEncrypted(project, file);
    create(file);
  }
  return { PULUMI_CONFIG_PASSPHRASE_FILE: file };
}

function refuseIfEncrypted(project: Project, file: string): void {
  const encrypted = stackFiles(project.stackDirectory).find((path) =>
    /^encryptionsalt:/m.test(readFileSync(path, "utf8")),
  );
  if (encrypted === undefined) return;
  throw new UserError(
    "config",
    `${encrypted} is encrypted with a passphrase that is not here. Next: set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE, or put the passphrase into ${file}; only if the stack's secrets are of no use any more, remove the line encryptionsalt from the file`,
  );
}

function stackFiles(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => /^Pulumi\..+\.ya?ml$/.test(name))
    .map((name) => join(directory, name));
}

/** Made under another name and linked: two first runs at once end up with one passphrase. */
function create(file: string): void {
  const staged = `${file}.${process.pid}`;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(staged, `${randomBytes(PASSPHRASE_BYTES).toString("base64url")}\n`, { mode: 0o600 });
  try {
    linkSync(staged, file);
    process.stderr.write(`warmbox: made a passphrase for the secrets in Pulumi's state: ${file} (keep it)\n`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(staged, { force: true });
  }
}

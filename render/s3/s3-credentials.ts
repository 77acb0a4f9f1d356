import { scriptPath } from "../../plan/paths.ts";
import { credentialsPath, type S3Keys, s3Credentials } from "../../plan/store.ts";
import { shellWord } from "../../stacks/shell.ts";
import { head, type ResourceInput } from "../lib/resource.ts";
import { resourceScript } from "../lib/script.ts";

/** What the `s3-credentials` resource is rendered from. */
export type S3CredentialsInput = Pick<ResourceInput, "owner" | "generation" | "host" | "paths">;

/**
 * Script of the `s3-credentials` resource: the one file with keys, readable by its owner alone. It holds them in the
 * clear, so the whole script is a secret of the stack.
 */
export function s3CredentialsScript(input: S3CredentialsInput, keys: S3Keys): string {
  const path = scriptPath(input.paths, credentialsPath(input.paths));
  return resourceScript(head(input, "s3-credentials"), [
    { do: "put", path, mode: "0600", secret: true, text: s3Credentials(keys) },
  ]);
}

/**
 * The same for the embedded server, whose keys are made on its host and never leave it: this script says how, and holds
 * none. Keys that are there are kept, so that nothing changes from run to run, nor when another stack takes over.
 */
export function s3OwnCredentialsScript(input: S3CredentialsInput): string {
  const path = scriptPath(input.paths, credentialsPath(input.paths));
  return resourceScript(head(input, "s3-credentials"), [
    {
      do: "put-made",
      path,
      mode: "0600",
      function: "s3_credentials",
      definition: keyMaker(credentialsPath(input.paths)),
    },
  ]);
}

/** printf is a builtin everywhere: no process has a key among its words. */
function keyMaker(path: string): string {
  const quotedPath = shellWord(path);
  return `# The keys of this host's own S3 server: made here, kept here, sent nowhere.
s3_credentials() {
  if grep -qs '^aws_secret_access_key = .' ${quotedPath}; then
    cat ${quotedPath}
  else
    printf '%s\\n' '# Written by warmbox.' '[default]' "aws_access_key_id = $(s3_random 20)" \\
      "aws_secret_access_key = $(s3_random 40)"
  fi
}
s3_random() { head -c 32 /dev/urandom | sha256sum | cut -c "1-$1"; }
`;
}

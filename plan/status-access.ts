import type { HostConfig } from "../stacks/types.ts";

/** True if bazel-remote's `/status` can be read by plain HTTP without a password. */
export function hasOpenStatus(host: HostConfig): boolean {
  const { tls_cert_file, htpasswd_file, ldap } = host["bazel-remote"].settings;
  return !tls_cert_file && !htpasswd_file && !ldap;
}

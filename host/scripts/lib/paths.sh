# --- paths: where warmbox's files are on a host. Written from host/paths.ts; its test keeps both the same.

# Sets path_NAME for the scope in WARMBOX_SCOPE; HOME is an absolute path.
host_paths() {
  # shellcheck disable=SC2034 # each script uses some of them
  if [ "${WARMBOX_SCOPE:-user}" = system ]; then
    path_share=/usr/local/share/warmbox
    path_tools=/usr/local/lib/warmbox/tools
    path_programs=/usr/local/bin
    path_queue=/var/cache/warmbox-queue
    path_state=/var/lib/warmbox
    path_log=/var/log/warmbox
    path_config=/etc/warmbox
    path_units=/etc/systemd/system
    path_sccache_config=/etc/warmbox/sccache.toml
    path_bazel_remote_config=/etc/warmbox/bazel-remote.yaml
  else
    path_share=$HOME/.local/share/warmbox
    path_tools=$HOME/.local/share/warmbox/tools
    path_programs=$HOME/.local/bin
    path_queue=$HOME/.local/share/warmbox/queue
    path_state=$HOME/.local/state/warmbox
    path_log=$HOME/.local/state/warmbox/log
    path_config=$HOME/.config/warmbox
    path_units=$HOME/.config/systemd/user
    path_sccache_config=$HOME/.config/sccache/config
    path_bazel_remote_config=$HOME/.config/bazel-remote/config.yaml
  fi
}

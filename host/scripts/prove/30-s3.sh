# --- S3 behind tiers 1 and 2: read back by a second, empty server of each
# Both tools are silent about S3 that refuses them. So a second server of each, empty and without the right to write,
# has to find what the first one wrote. S3 that does not answer at all is a warning: it fails no build either.

# Does the store speak HTTP, whatever it says? pv_status is its status.
pv_store_answers() {
  if has_program curl; then
    pv_status=$(pv_timed "$PV_ANSWER_SECONDS" curl -s -o /dev/null -w '%{http_code}' --noproxy '*' --max-time 4 "$pv_store") || pv_status=
  else
    pv_status=$(pv_timed "$PV_ANSWER_SECONDS" wget -S -T 4 -O /dev/null "$pv_store" 2>&1 | sed -n 's/.*HTTP\/1[^ ]* \([0-9]*\).*/\1/p' | head -n 1)
  fi
  case $pv_status in '' | 000 | 5*) return 1 ;; esac
}

# Can the store be asked? Else a warning says why its part is left out.
pv_store_ready() {
  if [ -n "$pv_keys" ] && [ ! -r "$pv_keys" ]; then
    pv_warn "nothing was read back from S3: $(id -un) may not read $pv_keys"
  elif ! has_program curl && ! has_program wget; then
    pv_warn 'nothing was read back from S3: this host has neither curl nor wget'
  elif [ -n "$pv_store_down" ]; then
    pv_warn "S3 at $pv_store_down: builds go on with the local disk alone, and what they write now never arrives there; ./warmbox prove once it is back"
  else
    return 0
  fi
  return 1
}

# pv_store_refuses WHAT SAID
pv_store_refuses() {
  pv_cause "$1 cannot be read back from S3, although $pv_store answers: wrong bucket, keys or rights${2:+ ($2)}" "compare bucket, region and keys of s3 in the stack; then ./warmbox up"
}

# Becomes a daemon with the store's keys and nothing else in its environment. Begun with `&`, so that $! is that daemon: a
# shell in between would be ended in its place.
pv_clean() {
  if [ -n "$pv_keys" ]; then
    exec env -i HOME="$HOME" PATH="$PATH" AWS_EC2_METADATA_DISABLED=true AWS_SHARED_CREDENTIALS_FILE="$pv_keys" "$@"
  else
    exec env -i HOME="$HOME" PATH="$PATH" "$@"
  fi
}

pv_store_sccache() {
  pv_store_ready || return 0
  pv_step='building from S3 alone'
  sed -e '/^rw_mode = /d' -e "s|^dir = .*|dir = \"$pv_work/empty-sccache\"|" \
    -e 's/^\[cache\.disk\]$/&\nrw_mode = "READ_ONLY"/' -e 's/^\[cache\.s3\]$/&\nrw_mode = "READ_ONLY"/' "$pv_conf" >"$pv_work/second.toml"
  pv_free_port $((20000 + $$ % 10000))
  printf '#!/bin/sh\nSCCACHE_CONF=%s SCCACHE_SERVER_PORT=%s exec %s "$@"\n' "'$pv_work/second.toml'" "$pv_free" "'$pv_sccache'" >"$pv_work/second-wrapper"
  chmod 755 "$pv_work/second-wrapper"
  pv_clean SCCACHE_CONF="$pv_work/second.toml" SCCACHE_SERVER_PORT="$pv_free" SCCACHE_IDLE_TIMEOUT=0 SCCACHE_LOG=warn \
    SCCACHE_START_SERVER=1 SCCACHE_NO_DAEMON=1 timeout -k 1 "$((pv_end_at - $(date +%s)))" "$pv_sccache" >"$pv_work/second.said" 2>&1 &
  pv_second=$!
  pv_await_port "$pv_free"
  pv_until=$(($(date +%s) + PV_STORE_SECONDS)) pv_shown=''
  while RUSTC_WRAPPER=$pv_work/second-wrapper && export RUSTC_WRAPPER && pv_build first; do
    if ! pv_compiled dependency && ! pv_compiled member; then
      pv_fact "built by a second, empty server: its 2 libraries from S3"
      pv_shown=1
    elif [ "$(date +%s)" -lt "$pv_until" ]; then
      sleep 1
      continue
    else
      pv_store_refuses 'what sccache writes' "$(grep -i -e denied -e forbidden -e NoSuchBucket -e Invalid -e Signature "$pv_work/second.said" | tail -n 1 | cut -c 1-300)"
    fi
    break
  done
  kill "$pv_second" 2>/dev/null
  wait "$pv_second" 2>/dev/null
}

# pv_store_remote BLOB-FILE
pv_store_remote() {
  if [ ! -x "$pv_bazel_remote" ]; then
    pv_warn 'nothing was read back from S3: bazel-remote runs in a container, not from a program on this host'
    return
  fi
  pv_store_ready || return 0
  pv_step='reading the blob from S3 alone'
  pv_hash=$(sha256sum <"$1")
  pv_free_port $((30000 + $$ % 10000))
  pv_second_http=$pv_free
  pv_free_port $((pv_free + 1))
  {
    sed -e '/^\(dir\|http_address\|grpc_address\|profile_address\|num_uploaders\|access_log_level\|htpasswd_file\|tls_[a-z_]*\|allow_unauthenticated_reads\):/d' \
      -e "s|^\\( *aws_shared_credentials_file:\\).*|\\1 ${pv_keys:-none}|" "$pv_bazel_remote_conf"
    printf 'dir: %s\nhttp_address: 127.0.0.1:%s\ngrpc_address: 127.0.0.1:%s\nnum_uploaders: 0\naccess_log_level: all\n' \
      "$pv_work/empty-bazel-remote" "$pv_second_http" "$pv_free"
  } >"$pv_work/second.yaml"
  pv_clean timeout -k 1 "$((pv_end_at - $(date +%s)))" "$pv_bazel_remote" --config_file "$pv_work/second.yaml" >"$pv_work/second.log" 2>&1 &
  pv_second=$!
  pv_await_port "$pv_second_http"
  pv_until=$(($(date +%s) + PV_STORE_SECONDS)) pv_shown=''
  while :; do
    pv_got=$(pv_timed "$PV_ANSWER_SECONDS" sh -c "$pv_http_get" http-get 127.0.0.1 "$pv_second_http" "/cas/${pv_hash%% *}" 2>/dev/null | wc -c)
    if [ "$pv_got" -ge "$PV_BLOB_BYTES" ]; then
      pv_fact 'read by a second, empty server: its blob from S3'
      pv_shown=1
      break
    elif [ "$(date +%s)" -ge "$pv_until" ] || pv_late; then
      pv_store_refuses 'what bazel-remote writes' "$(grep -i s3 "$pv_work/second.log" | tail -n 1 | cut -c 1-300)"
      break
    fi
    sleep 1
  done
  kill "$pv_second" 2>/dev/null
  wait "$pv_second" 2>/dev/null
}

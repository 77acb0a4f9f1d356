# --- findings, time and ports: what the proofs of all tiers use

pv_newline='
'
# One tier: its head line has the verdict, so its lines are collected first, in memory, where a full disk loses none.
# It is proved only if its hits were shown.
pv_tier() {
  pv_said='' pv_failed='' pv_skipped='' pv_shown='' pv_step='its start'
  "pv_prove_$1"
  if [ -z "$pv_failed$pv_skipped$pv_shown" ]; then
    pv_cause "the proof ended early: $pv_step" './warmbox prove once more, then ./warmbox doctor'
  elif [ -n "$pv_failed" ] && pv_late; then
    pv_said="|cause the $PV_LIMIT_SECONDS s of the proof were over: $pv_step$pv_newline|next something hangs, or the host is very busy: ./warmbox doctor$pv_newline$pv_said"
  fi
  if [ -n "$pv_failed" ]; then pv_head "$1" failed; elif [ -n "$pv_skipped" ]; then pv_head "$1" skipped; else pv_head "$1" proved; fi
  printf '%s' "$pv_said"
  echo "end $1"
}
pv_head() { printf '@@warmbox prove %s %s\n' "$1" "$2"; }
pv_fact() { pv_said="$pv_said|fact $*$pv_newline"; }
pv_warn() { pv_said="$pv_said|warn $*$pv_newline"; }
pv_cause() { pv_failed=1 pv_said="$pv_said|cause $1$pv_newline|next $2$pv_newline"; }
pv_skip() { pv_skipped=1 pv_said="|cause $1$pv_newline$pv_said"; }
pv_ended_early() {
  pv_head "$1" failed
  printf '|cause the proof ended early: %s\n|next free space there, or set TMPDIR\n' "$2"
}

pv_last() { grep -v '^ *$' "$1" | tail -n 1; }
pv_json() { sed -n "s/.*\"$1\":\\(-\\{0,1\\}[0-9][0-9]*\\).*/\\1/p" | head -n 1; }
# pv_size NAME LIVE CONFIGURED WHAT NEXT: a size as it is in force.
pv_size() {
  if [ "$2" = "$3" ]; then pv_fact "$1 $2, as configured"; else pv_cause "$4 has $1 ${2:-none}, configured is $3: $5" "$6"; fi
}

# --- time and ports ----------------------------------------------------------------------------------------------

pv_late() { [ "$(date +%s)" -ge "$pv_end_at" ]; }
# pv_timed SECONDS COMMAND…: ends with 124 or more where the limit of the step, or of the whole proof, is over.
pv_timed() {
  pv_most=$1 pv_left=$((pv_end_at - $(date +%s)))
  shift
  [ "$pv_left" -gt 0 ] || return 124
  [ "$pv_left" -ge "$pv_most" ] || pv_most=$pv_left
  timeout -k 1 "$pv_most" "$@" </dev/null
}

# A TCP port from $1 on that no process listens on, into pv_free.
pv_free_port() {
  pv_free=$1
  while port_is_open "$pv_free"; do pv_free=$((pv_free + 1)); done
}
pv_await_port() {
  pv_tries=0
  until port_is_open "$1" || [ "$pv_tries" -ge 50 ] || pv_late; do
    pv_tries=$((pv_tries + 1))
    sleep 0.1 2>/dev/null || sleep 1
  done
}

# --- plan of a remove: the original back, or only our piece out, and the edit left

# Plans the end of ledger line $1. $2 = shared: other lines of the same file stay.
wb_plan_undo() {
  wb_line "$1"
  case $wb_1 in put | include | block) ;; *) return 0 ;; esac
  wb_undo_1=$wb_1 wb_undo_path=$wb_3 wb_undo_sha=$wb_5 wb_undo_old=$wb_6 wb_undo_index=$1
  wb_plan "$wb_2" "$wb_3"
  wb_planned $wb_f
  wb_line "$1"
  if [ "$wb_nsha" != "$wb_sha" ] && [ "$wb_nsha" = "$wb_undo_old" ]; then
    return 0 # an earlier line of the same file brought the original back
  elif [ "$wb_sha" = "$wb_nsha" ] && [ "$wb_sha" = "$wb_undo_sha" ] && [ "${2:-}" != shared ]; then
    wb_plan_original
  elif [ "$wb_1" = put ]; then
    wb_plan_leave
  elif [ "$wb_nsha" != absent ]; then
    wb_plan_cut
  fi
}

# Untouched: the original comes back, with its mode if the file was ours.
wb_plan_original() {
  wb_kept "$wb_6"
  wb_plan_bytes "$wb_6" "$wb_kept"
  [ "$wb_1" != put ] || wb_plan_mode "$wb_7" "$wb_8" "$wb_9"
}

# A file of ours that was edited stays; one that was deleted gives way to the original; the original is never dropped.
wb_plan_leave() {
  if [ "$wb_nsha" = absent ]; then
    wb_plan_original
  else
    wb_say "$wb_3 was edited since it was applied: the edit stays"
    [ "$wb_6" != absent ] || return 0
    wb_undo_to=$wb_2.before-warmbox
    wb_plan "$wb_undo_to" "$wb_3.before-warmbox"
    wb_line "$wb_undo_index"
    wb_plan_original
    wb_say "what stood there before warmbox is now in $wb_3.before-warmbox"
  fi
}

# A file of the user's that was edited: only our piece goes.
wb_plan_cut() {
  wb_edit
  wb_line "$wb_undo_index"
  wb_cut "$wb_draft" "$wb_next"
  if [ -s "$wb_next" ] || [ "$wb_6" != absent ]; then
    wb_edited
    [ "${wb_undo_quiet:-}" ] || wb_say "$wb_3 was edited since it was applied: only warmbox's part goes, the edit stays"
  else
    wb_plan_bytes absent -
  fi
}

# Where the path of ledger line $1 led elsewhere when it was applied, what stands there now may be a copy with our piece.
wb_plan_copy() {
  wb_line "$1"
  case $wb_1 in include | block) wb_lead "$wb_3" ;; *) return 0 ;; esac
  [ "$wb_real" != "$wb_2" ] && [ -f "$wb_real" ] || return 0
  wb_plan "$wb_real" "$wb_3"
  wb_edit
  wb_line "$1"
  wb_cut "$wb_draft" "$wb_next"
  wb_edited
}

# Is the file of ledger line $1 spoken of by a line of the script? Fails with wb_same empty if not.
wb_step_for() {
  wb_at=1 wb_same=''
  while [ $wb_at -le $wb_steps ]; do
    eval "wb_here=\${wb_s_kind_$wb_at}:\${wb_s_real_$wb_at:-}:\${wb_s_name_$wb_at:-} wb_here_real=\${wb_s_real_$wb_at:-}"
    case $wb_1 in
      put) [ "${wb_here%:*}" = "put:$wb_2" ] && return 0 ;;
      include | block) [ "$wb_here" = "$wb_1:$wb_2:$wb_10" ] && return 0 ;;
      service) [ "$wb_here" = "service::$wb_3" ] && return 0 ;;
      directory) [ "${wb_here%:*}" = "directory:$wb_2" ] && return 0 ;;
    esac
    [ "$wb_here_real" != "$wb_2" ] || wb_same=shared
    wb_at=$((wb_at + 1))
  done
  return 1
}

# Plans the end of every ledger line that the script does not have any more.
wb_plan_drops() {
  wb_drop=1 wb_undo_quiet=1
  while [ $wb_drop -le $wb_lines ]; do
    wb_line $wb_drop
    if ! wb_step_for; then
      case $wb_1 in
        service) wb_journal_drop ;;
        *) wb_plan_undo $wb_drop "$wb_same" ;;
      esac
    fi
    wb_drop=$((wb_drop + 1))
  done
  wb_undo_quiet=''
}

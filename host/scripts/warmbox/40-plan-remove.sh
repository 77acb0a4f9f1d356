# --- plan of a remove: the original back, or only warmbox's piece out, and the user's edit left

# Plans the end of ledger line $1. $2 = shared: other lines of the same file stay.
wb_plan_undo() {
  wb_line "$1"
  case $line_kind in put | include | block) ;; *) return 0 ;; esac
  wb_plan "$line_real" "$line_path"
  wb_planned $wb_file
  if [ "$file_new_sha" != "$file_sha" ] && [ "$file_new_sha" = "$line_original_sha" ]; then
    return 0 # an earlier line of the same file brought the original back
  elif [ "$file_sha" = "$file_new_sha" ] && [ "$file_sha" = "$line_sha" ] && [ "${2:-}" != shared ]; then
    wb_plan_original
  elif [ "$line_kind" = put ]; then
    wb_plan_leave
  elif [ "$file_new_sha" != absent ]; then
    wb_plan_cut
  fi
}

# Untouched: the original comes back, with its mode if the file was warmbox's.
wb_plan_original() {
  wb_kept "$line_original_sha"
  wb_plan_bytes "$line_original_sha" "$wb_kept"
  [ "$line_kind" != put ] || wb_plan_mode "$line_original_mode" "$line_original_uid" "$line_original_gid"
}

# A file of warmbox's that was edited stays, with the original beside it; one that was deleted is replaced by the
# original.
wb_plan_leave() {
  if [ "$file_new_sha" = absent ]; then
    wb_plan_original
  else
    wb_say "$line_path was edited since it was applied: the edit stays"
    [ "$line_original_sha" != absent ] || return 0
    wb_plan "$line_real.before-warmbox" "$line_path.before-warmbox"
    wb_plan_original
    wb_say "the file from before warmbox is now $line_path.before-warmbox"
  fi
}

# A file of the user's that was edited: only warmbox's piece is removed. wb_is_quiet: without a message.
wb_plan_cut() {
  wb_edit
  wb_cut "$file_source" "$wb_draft"
  if [ -s "$wb_draft" ] || [ "$line_original_sha" != absent ]; then
    wb_edited
    [ "${wb_is_quiet:-}" ] ||
      wb_say "$line_path was edited since it was applied: only warmbox's part is removed, the edit stays"
  else
    wb_plan_bytes absent -
  fi
}

# Where the path of ledger line $1 had another target when it was applied, its file now may be a copy with warmbox's
# piece.
wb_plan_copy() {
  local real=''
  wb_line "$1"
  case $line_kind in include | block) wb_follow "$line_path" ;; *) return 0 ;; esac
  [ "$real" != "$line_real" ] && [ -f "$real" ] || return 0
  wb_plan "$real" "$line_path"
  wb_edit
  wb_cut "$file_source" "$wb_draft"
  wb_edited
}

# Has the script a line for the record in hand? wb_same is "shared" where another line of it is for the same file.
wb_step_for() {
  local number=1 key='' real=''
  wb_same=''
  while [ $number -le $wb_steps ]; do
    eval "key=\$wb_step_kind_$number:\${wb_step_real_$number:-} real=\${wb_step_real_$number:-}"
    case $line_kind in
      put | directory) [ "$key" = "$line_kind:$line_real" ] && return 0 ;;
      include | block)
        [ "$key" = "$line_kind:$line_real" ] && wb_get step_name $number && [ "$wb_value" = "$line_name" ] && return 0
        ;;
      service) [ "$key" = service: ] && wb_get step_name $number && [ "$wb_value" = "$line_name" ] && return 0 ;;
    esac
    [ "$real" != "$line_real" ] || wb_same=shared
    number=$((number + 1))
  done
  return 1
}

# Plans the end of every ledger line that the script has no line for.
wb_plan_drops() {
  local number=1
  wb_is_quiet=1
  while [ $number -le $wb_lines ]; do
    wb_line $number
    if ! wb_step_for; then
      case $line_kind in
        service) wb_journal_drop ;;
        *) wb_plan_undo $number "$wb_same" ;;
      esac
    fi
    number=$((number + 1))
  done
  wb_is_quiet=''
}

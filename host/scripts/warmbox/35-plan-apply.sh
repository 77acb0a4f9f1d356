# --- plan of an apply: what each step makes of its file, and what stood there before

# Plans every line of the script that is about a file, in order; counts the changes seen so far in wb_dirty.
wb_plan_step() {
  for wb_field in kind path real mode flag name with file sha; do
    eval "wb_s_$wb_field=\${wb_s_${wb_field}_$1:-}"
  done
  case $wb_s_kind in
    put) wb_plan_put ;;
    include) wb_plan_edit ;;
    block) wb_plan_edit ;;
    directory)
      wb_directories=$wb_directories$wb_s_real$wb_newline
      wb_write_line directory "$wb_s_real" "$wb_s_path" "$wb_s_mode" "$wb_s_flag"
      ;;
    service) wb_plan_service ;;
    live) wb_write_line live "$wb_s_name" "$wb_s_file" "$wb_s_with" ;;
  esac
}

# A whole file of ours.
wb_plan_put() {
  wb_plan "$wb_s_real" "$wb_s_path"
  if [ "$wb_sha" != "$wb_s_sha" ] && [ ! -f "$wb_s_file" ]; then
    wb_die 65 "put $wb_s_path: neither it nor $wb_s_file has sha256 $wb_s_sha" "bring the file first"
  fi
  wb_plan_bytes "$wb_s_sha" "$wb_s_file"
  wb_plan_mode "$wb_s_mode" - -
  wb_big=-
  if [ "$wb_s_flag" = secret ]; then
    : # its bytes stand in the file itself and nowhere else
  elif [ "$wb_s_flag" != whole ]; then
    wb_object "$wb_s_sha" "$wb_s_file"
  elif wb_plan_differs $wb_f; then
    wb_big=IDENT$wb_f # known once it is prepared
  else
    wb_get f_ident $wb_f && wb_big=$wb_got
  fi
  wb_original "$wb_s_real"
  wb_mark_dirty
  wb_write_line put "$wb_s_real" "$wb_s_path" "$wb_s_mode" "$wb_s_sha" "$wb_o" "$wb_s_flag" "$wb_big" -
}

# A line or block of ours in a file of the user's.
wb_plan_edit() {
  wb_plan "$wb_s_real" "$wb_s_path"
  wb_edit
  wb_before=$wb_nsha
  wb_grown=-
  if [ "$wb_s_kind" = include ]; then
    wb_include_add "$wb_draft" "$wb_s_name" "$wb_next" || wb_die 65 \
      "$wb_s_path:${wb_scan#* }: [[include]] tables cannot be extended" "write it as include = [ … ], or choose cargo.config: inline"
    wb_s_sha=-
  else
    wb_block_refuse
    wb_block_add "$wb_draft" "$wb_s_name" "$wb_s_file" "$wb_next" || wb_die 65 \
      "$wb_s_path:${wb_scan% *}: the block warmbox $wb_s_name has no end line" "delete the rest of it"
    wb_object "$wb_s_sha" "$wb_s_file"
  fi
  wb_edited
  [ "$wb_before" != absent ] || wb_plan_mode 644 - -
  if wb_find_line "$wb_s_kind" "$wb_s_real" "$wb_s_name" && [ "$wb_grown" != grown ]; then wb_grown=$wb_11; fi
  wb_set f_shared $wb_f 1
  wb_mark_dirty
  wb_write_line "$wb_s_kind" "$wb_s_real" "$wb_s_path" - "FILE$wb_f" "$wb_s_name" "$wb_grown" "$wb_s_sha"
}

# Fills in what all lines of one file of the user's share: its bytes with every piece of ours, and without.
# Where this apply leaves the file alone, that stays as it was written, for the rest of the file is the user's.
wb_plan_shared() {
  wb_fill=''
  wb_each_file=1
  while [ $wb_each_file -le $wb_files ]; do
    wb_f=$wb_each_file
    wb_planned $wb_f
    eval "wb_is_shared=\$wb_f_shared_$wb_f"
    if [ -z "$wb_is_shared" ]; then
      : # a file of ours has a line of its own
    elif wb_find_line any "$wb_real" && [ "$wb_sha" = "$wb_nsha" ]; then
      wb_o=$wb_5$wb_tab$wb_6$wb_tab$wb_7$wb_tab$wb_8$wb_tab$wb_9
    else
      wb_object "$wb_nsha" "$wb_draft"
      wb_shared=$wb_nsha
      wb_original "$wb_real" shared
      wb_o=$wb_shared$wb_tab$wb_o
    fi
    [ -z "$wb_is_shared" ] || wb_fill="$wb_fill;s|${wb_tab}FILE$wb_f$wb_tab|$wb_tab$wb_o$wb_tab|"
    wb_each_file=$((wb_each_file + 1))
  done
  ! grep -q "${wb_tab}FILE[0-9]" "$wb_stage/ledger" || {
    sed "${wb_fill#;}" "$wb_stage/ledger" >"$wb_stage/ledger.full" && mv -f "$wb_stage/ledger.full" "$wb_stage/ledger"
  } || wb_die_write "$wb_stage"
}

# Refuses a block where a line of the user's own says the same already.
wb_block_refuse() {
  [ -n "$wb_s_with" ] || return 0
  wb_hit=$(WB_REGEX=$wb_s_with awk -v name="$wb_s_name" '
    { sub(/\r$/, "") }
    $0 == "# >>> warmbox " name { skip = 1 }
    !skip && $0 ~ ENVIRON["WB_REGEX"] { print NR ": " $0; exit }
    $0 == "# <<< warmbox " name { skip = 0 }' "$wb_draft")
  [ -z "$wb_hit" ] || wb_die 65 "$wb_s_path:$wb_hit is there already, outside warmbox's block" "remove it, or leave this file to yourself"
}

# What stood at $1 before warmbox, into wb_o (sha mode uid gid): from the ledger, else what is there now.
# A file of the user's that was edited since has, as its original, itself without what is ours.
wb_original() {
  wb_planned $wb_f
  wb_o=$wb_sha$wb_tab$wb_mode$wb_tab$wb_uid$wb_tab$wb_gid
  if wb_find_line any "$1"; then
    wb_o=$wb_6$wb_tab$wb_7$wb_tab$wb_8$wb_tab$wb_9
    if [ "$wb_1" != put ] && [ "$wb_5" != "$wb_sha" ]; then
      wb_cut_all "$1"
      return 0
    fi
    wb_kept "$wb_6"
    wb_object "$wb_6" "$wb_kept"
  elif [ "${2:-}" = shared ] && [ "$wb_sha" != absent ]; then
    wb_cut_strays "$1"
  else
    wb_object "$wb_sha" "$1"
  fi
}

# A file without a ledger may still hold what a killed apply left in it, if it was edited since: that is no original.
wb_cut_strays() {
  wb_bare=$wb_stage/bare
  cat "$1" >"$wb_bare" || wb_die_write "$wb_stage"
  wb_at=1
  while [ $wb_at -le $wb_steps ]; do
    eval "wb_here=\$wb_s_kind_$wb_at:\${wb_s_real_$wb_at:-} wb_name=\${wb_s_name_$wb_at:-}"
    case $wb_here in
      "block:$1") wb_block_cut "$wb_bare" "$wb_name" - "$wb_bare.next" ;;
      "include:$1") wb_cut_marked ;;
      *) cat "$wb_bare" >"$wb_bare.next" ;;
    esac
    mv -f "$wb_bare.next" "$wb_bare"
    wb_at=$((wb_at + 1))
  done
  wb_keep_bare
}

# Cuts our include out of wb_bare if it is the whole line that only we write.
wb_cut_marked() {
  if grep -q '^include = .* # warmbox[[:space:]]*$' "$wb_bare"; then
    wb_include_cut "$wb_bare" "$wb_name" "$wb_bare.next"
  else
    cat "$wb_bare" >"$wb_bare.next"
  fi
}

# The file wb_bare is the original of wb_f, with the mode and owner that the file has now.
wb_keep_bare() {
  wb_hash "$wb_bare"
  mv -f "$wb_bare" "$wb_stage/o$wb_sha"
  wb_object "$wb_sha" "$wb_stage/o$wb_sha"
  eval "wb_o=\$wb_sha\$wb_tab\$wb_f_mode_$wb_f\$wb_tab\$wb_f_uid_$wb_f\$wb_tab\$wb_f_gid_$wb_f"
}

# The present file $1 without any piece of ours becomes the original.
wb_cut_all() {
  wb_bare=$wb_stage/bare
  cat "$1" >"$wb_bare" 2>/dev/null || true
  wb_each=1
  while [ $wb_each -le $wb_lines ]; do
    wb_line $wb_each
    if [ "$wb_2" = "$1" ]; then
      wb_cut "$wb_bare" "$wb_bare.next" && mv -f "$wb_bare.next" "$wb_bare"
    fi
    wb_each=$((wb_each + 1))
  done
  if [ -s "$wb_bare" ] || [ "${wb_o%%"$wb_tab"*}" != absent ]; then wb_keep_bare; fi
}

# Cuts the piece that the line just taken speaks of: from file $1 into $2.
wb_cut() {
  case $wb_1 in
    include) wb_include_cut "$1" "$wb_10" "$2" ;;
    block) wb_block_cut "$1" "$wb_10" "$wb_11" "$2" ;;
    *) cat "$1" >"$2" ;;
  esac
}

# Notes that services further down the script see changed files.
wb_mark_dirty() {
  ! wb_plan_differs $wb_f || wb_dirty=1
}

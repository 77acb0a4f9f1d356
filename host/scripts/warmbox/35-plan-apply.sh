# --- plan of an apply: what each step makes of its file, and what was there before

# Plans step $1 of the script. Services after it see in wb_dirty whether a file changes.
wb_plan_step() {
  wb_step_load "$1"
  case $step_kind in
    put) wb_plan_put ;;
    include | block) wb_plan_edit ;;
    directory)
      wb_directories=$wb_directories$step_real$wb_newline
      wb_write_line directory "$step_real" "$step_path" "$step_mode" "$step_flag"
      ;;
    service) wb_plan_service ;;
    live) wb_write_line live "$step_name" "$step_answer" "$step_command" ;;
  esac
}

# A file that belongs to warmbox.
wb_plan_put() {
  local original='' ident=-
  wb_plan "$step_real" "$step_path"
  wb_planned $wb_file
  if [ "$file_sha" != "$step_sha" ] && [ ! -f "$step_source" ]; then
    wb_die 65 "put $step_path: neither it nor $step_source has sha256 $step_sha" "bring the file first"
  fi
  wb_plan_bytes "$step_sha" "$step_source"
  wb_plan_mode "$step_mode" - -
  if [ "$step_flag" = secret ]; then
    : # its bytes are in the file itself, and there is no copy
  elif [ "$step_flag" != whole ]; then
    wb_object "$step_sha" "$step_source"
  elif wb_plan_differs $wb_file; then
    ident=IDENT$wb_file # filled in once the file is prepared
  else
    wb_get file_ident $wb_file && ident=$wb_value
  fi
  wb_original "$step_real"
  wb_mark_dirty
  wb_write_line put "$step_real" "$step_path" "$step_mode" "$step_sha" "$original" "$step_flag" "$ident" -
}

# A line or block of warmbox's in a file that belongs to the user.
wb_plan_edit() {
  local before='' block=-
  wb_plan "$step_real" "$step_path"
  wb_edit
  before=$file_new_sha
  wb_grown=-
  if [ "$step_kind" = include ]; then
    wb_include_add "$file_source" "$step_name" "$wb_draft" || wb_die 65 \
      "$step_path:${wb_scan#* }: [[include]] tables cannot be extended" \
      "write it as include = [ … ], or choose cargo.config: inline"
  else
    wb_block_refuse
    wb_block_add "$file_source" "$step_name" "$step_source" "$wb_draft" || wb_die 65 \
      "$step_path:${wb_scan% *}: the block warmbox $step_name has no end line" "delete the rest of it"
    block=$step_sha
    wb_object "$block" "$step_source"
  fi
  wb_edited
  [ "$before" != absent ] || wb_plan_mode 644 - -
  if wb_find_line "$step_kind" "$step_real" "$step_name" && [ "$wb_grown" != grown ]; then
    wb_line $wb_found_at
    wb_grown=$line_grown
  fi
  wb_set file_shared $wb_file 1
  wb_mark_dirty
  wb_write_line "$step_kind" "$step_real" "$step_path" - "FILE$wb_file" "$step_name" "$wb_grown" "$block"
}

# Fills in what all lines of one file of the user's share: its bytes with every piece of warmbox's, and without.
wb_plan_shared() {
  local fill='' shared=''
  wb_file=1
  while [ $wb_file -le $wb_files ]; do
    wb_get file_shared $wb_file
    if [ -n "$wb_value" ]; then # any other file has a line that is complete
      wb_shared_fields
      fill="$fill;s|${wb_tab}FILE$wb_file$wb_tab|$wb_tab$shared$wb_tab|"
    fi
    wb_file=$((wb_file + 1))
  done
  ! grep -q "${wb_tab}FILE[0-9]" "$wb_stage/ledger" || {
    sed "${fill#;}" "$wb_stage/ledger" >"$wb_stage/ledger.full" && mv -f "$wb_stage/ledger.full" "$wb_stage/ledger"
  } || wb_die_write "$wb_stage"
}

# The fields of wb_file that its lines share, into shared. Where this apply changes nothing in the file, they stay as
# they were written, for the rest of the file is the user's.
wb_shared_fields() {
  local original=''
  wb_planned $wb_file
  if wb_find_line any "$file_real" && [ "$file_sha" = "$file_new_sha" ]; then
    wb_line $wb_found_at
    shared=$line_sha$wb_tab$line_original
  else
    wb_object "$file_new_sha" "$file_source"
    shared=$file_new_sha
    wb_original "$file_real" shared
    shared=$shared$wb_tab$original
  fi
}

# Refuses a block where a line of the user's has the same setting already.
wb_block_refuse() {
  local match=''
  [ -n "$step_absent" ] || return 0
  match=$(WB_REGEX=$step_absent awk -v name="$step_name" '
    { sub(/\r$/, "") }
    $0 == "# >>> warmbox " name { skip = 1 }
    !skip && $0 ~ ENVIRON["WB_REGEX"] { print NR ": " $0; exit }
    $0 == "# <<< warmbox " name { skip = 0 }' "$file_source")
  [ -z "$match" ] || wb_die 65 "$step_path:$match is there already, outside warmbox's block" \
    "remove it, or leave this file to yourself"
}

# What was at $1 before warmbox, into original (sha mode uid gid): from the ledger, else what is there now.
# A file of the user's that was edited since has, as its original, itself without warmbox's pieces.
wb_original() {
  wb_planned $wb_file
  original=$file_sha$wb_tab$file_mode$wb_tab$file_uid$wb_tab$file_gid
  if wb_find_line any "$1"; then
    wb_line $wb_found_at
    original=$line_original
    if [ "$line_kind" != put ] && [ "$line_sha" != "$file_sha" ]; then
      wb_cut_all "$1"
      return 0
    fi
    wb_kept "$line_original_sha"
    wb_object "$line_original_sha" "$wb_kept"
  elif [ "${2:-}" = shared ] && [ "$file_sha" != absent ]; then
    wb_cut_strays "$1"
  else
    wb_object "$file_sha" "$1"
  fi
}

# A file without a ledger may still have what a killed apply left in it, if it was edited since: that is no original.
wb_cut_strays() {
  local bare="$wb_stage/bare" number=1
  cat "$1" >"$bare" || wb_die_write "$wb_stage"
  while [ $number -le $wb_steps ]; do
    wb_step_load $number
    case $step_kind:$step_real in
      "block:$1") wb_block_cut "$bare" "$step_name" - "$bare.next" ;;
      "include:$1")
        # only a line that is warmbox's alone
        if grep -q '^include = .* # warmbox[[:space:]]*$' "$bare"; then
          wb_include_cut "$bare" "$step_name" "$bare.next"
        else
          cat "$bare" >"$bare.next"
        fi
        ;;
      *) cat "$bare" >"$bare.next" ;;
    esac
    mv -f "$bare.next" "$bare"
    number=$((number + 1))
  done
  wb_keep_bare
}

# The file bare is the original of wb_file, with the mode and owner that the file has now: into original.
wb_keep_bare() {
  local sha=''
  wb_hash "$bare"
  mv -f "$bare" "$wb_stage/o$sha"
  wb_object "$sha" "$wb_stage/o$sha"
  original=$sha$wb_tab$file_mode$wb_tab$file_uid$wb_tab$file_gid
}

# The present file $1 without any piece of warmbox's becomes the original.
wb_cut_all() {
  local bare="$wb_stage/bare" number=1
  cat "$1" >"$bare" 2>/dev/null || true
  while [ $number -le $wb_lines ]; do
    wb_line $number
    if [ "$line_real" = "$1" ]; then
      wb_cut "$bare" "$bare.next" && mv -f "$bare.next" "$bare"
    fi
    number=$((number + 1))
  done
  if [ -s "$bare" ] || [ "${original%%"$wb_tab"*}" != absent ]; then wb_keep_bare; fi
}

# Cuts the piece of the record in hand out of file $1: the result is file $2.
wb_cut() {
  case $line_kind in
    include) wb_include_cut "$1" "$line_name" "$2" ;;
    block) wb_block_cut "$1" "$line_name" "$line_grown" "$2" ;;
    *) cat "$1" >"$2" ;;
  esac
}

# Notes that services further down the script see changed files.
wb_mark_dirty() {
  ! wb_plan_differs $wb_file || wb_dirty=1
}

# --- planned files: what is at a path now, and what is to be there

# Finds the plan for the file $1 (shown as $2), or opens one that changes nothing; its number is wb_file.
wb_plan() {
  local sha='' mode='' uid='' gid='' ident='' field=''
  wb_file=1
  while [ $wb_file -le $wb_files ]; do
    wb_get file_real $wb_file
    [ "$wb_value" != "$1" ] || return 0
    wb_file=$((wb_file + 1))
  done
  wb_files=$wb_file
  if wb_find_line any "$1"; then wb_look_applied "$1"; else wb_look "$1"; fi
  wb_set file_real $wb_file "$1"
  wb_set file_path $wb_file "$2"
  for field in sha mode uid gid; do
    eval "wb_file_${field}_$wb_file=\$$field wb_file_new_${field}_$wb_file=\$$field"
  done
  wb_set file_ident $wb_file "$ident"
  wb_set file_source $wb_file "$1"
  wb_set file_shared $wb_file ''
}

# Looks at the file $1 of the ledger's record wb_found_at, which may know its sha256 already.
wb_look_applied() {
  local applied_sha=''
  wb_get ledger $wb_found_at
  wb_field 5 "$wb_value" && applied_sha=$wb_value
  wb_get ledger $wb_found_at
  wb_field 11 "$wb_value"
  wb_look "$1" "$wb_value" "$applied_sha"
}

# Plans new bytes for wb_file: sha256 $1, in file $2.
wb_plan_bytes() {
  wb_set file_new_sha $wb_file "$1"
  wb_set file_source $wb_file "$2"
}

# Plans mode $1 and owner $2:$3 for wb_file; "-" keeps what is there.
wb_plan_mode() {
  [ "$1" = - ] || wb_set file_new_mode $wb_file "$1"
  [ "$2" = - ] || wb_set file_new_uid $wb_file "$2"
  [ "$3" = - ] || wb_set file_new_gid $wb_file "$3"
}

# Takes the plan $1 into file_real, file_path, file_sha file_mode file_uid file_gid (now), file_new_sha … file_new_gid
# (then), and file_source, which has the new bytes.
wb_planned() {
  local field=''
  for field in real path sha mode uid gid new_sha new_mode new_uid new_gid source; do
    eval "file_$field=\$wb_file_${field}_$1"
  done
}

# Does the plan $1 change anything? Takes it, too.
wb_plan_differs() {
  wb_planned "$1"
  [ "$file_sha" = "$file_new_sha" ] || return 0
  [ "$file_new_sha" = absent ] && return 1
  [ "$file_mode:$file_uid:$file_gid" != "$file_new_mode:$file_new_uid:$file_new_gid" ]
}

# Takes the plan wb_file for an edit: file_source is a file that can be read; wb_draft is the name of the edit's result.
wb_edit() {
  wb_planned $wb_file
  [ "$file_new_sha" != absent ] || file_source=/dev/null
  wb_drafts=$((wb_drafts + 1))
  wb_draft=$wb_stage/d$wb_drafts
}

# Plans wb_draft, which an edit has written, for wb_file.
wb_edited() {
  local sha=''
  wb_hash "$wb_draft"
  wb_plan_bytes "$sha" "$wb_draft"
}

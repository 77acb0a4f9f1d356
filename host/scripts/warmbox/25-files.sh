# --- planned files: what stands at a path now, and what is to stand there

# Finds the plan for the file $1 (shown as $2), or opens one that changes nothing; its index is wb_f.
wb_plan() {
  wb_f=1
  while [ $wb_f -le $wb_files ]; do
    wb_get f_real $wb_f
    [ "$wb_got" != "$1" ] || return 0
    wb_f=$((wb_f + 1))
  done
  wb_files=$wb_f
  wb_plan_real=$1 wb_plan_path=$2
  if wb_find_line any "$1"; then wb_look "$1" "$wb_11" "$wb_5"; else wb_look "$1"; fi
  wb_set f_real $wb_f "$wb_plan_real"
  wb_set f_path $wb_f "$wb_plan_path"
  for wb_field in sha mode uid gid; do
    eval "wb_f_${wb_field}_$wb_f=\$wb_$wb_field wb_f_n${wb_field}_$wb_f=\$wb_$wb_field"
  done
  wb_set f_ident $wb_f "$wb_ident"
  wb_set f_file $wb_f "$1"
  wb_set f_shared $wb_f ''
}

# Plans new bytes for wb_f: sha256 $1, in file $2.
wb_plan_bytes() {
  wb_set f_nsha $wb_f "$1"
  wb_set f_file $wb_f "$2"
}

# Plans mode $1 and owner $2:$3 for wb_f; "-" lets what is there stand.
wb_plan_mode() {
  [ "$1" = - ] || wb_set f_nmode $wb_f "$1"
  [ "$2" = - ] || wb_set f_nuid $wb_f "$2"
  [ "$3" = - ] || wb_set f_ngid $wb_f "$3"
}

# Takes the plan $1 into wb_real, wb_path, wb_sha wb_mode wb_uid wb_gid (now), wb_nsha … wb_ngid (then), wb_draft.
wb_planned() {
  for wb_field in real path sha mode uid gid nsha nmode nuid ngid; do
    eval "wb_$wb_field=\$wb_f_${wb_field}_$1"
  done
  eval "wb_draft=\$wb_f_file_$1"
}

# Does the plan $1 change anything? Takes it, too.
wb_plan_differs() {
  wb_planned "$1"
  [ "$wb_sha" = "$wb_nsha" ] || return 0
  [ "$wb_nsha" = absent ] && return 1
  [ "$wb_mode:$wb_uid:$wb_gid" != "$wb_nmode:$wb_nuid:$wb_ngid" ]
}

# The planned bytes of wb_f as a file that can be read, into wb_draft; a name for the next draft, into wb_next.
wb_edit() {
  wb_planned $wb_f
  [ "$wb_nsha" != absent ] || wb_draft=/dev/null
  wb_drafts=$((${wb_drafts:-0} + 1))
  wb_next=$wb_stage/d$wb_drafts
}

# Plans the draft wb_next for wb_f, made by one of the edits below.
wb_edited() {
  wb_hash "$wb_next"
  wb_plan_bytes "$wb_sha" "$wb_next"
}

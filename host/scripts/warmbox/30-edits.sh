# --- edits of the user's files: our line for cargo and our marked blocks, in and out again
# All bytes but ours pass through head, tail or cat untouched; line ends are the file's own.

# Does the file use CRLF? Its first line tells.
wb_is_crlf() {
  IFS= read -r wb_first <"$1" || true
  case $wb_first in *"$(printf '\r')") return 0 ;; *) return 1 ;; esac
}

# Where the include stands in cargo's file $1 (entry for $2): prints "ours|array|string|tables|none LINE".
# Reads the top level only; a value may span lines and hold comments.
wb_include_scan() {
  awk -v name="$2" '
    function scan(s,   i, c, q, out) {        # drops comments, counts brackets outside strings
      out = ""; q = ""
      for (i = 1; i <= length(s); i++) {
        c = substr(s, i, 1)
        if (q != "") { if (c == q) q = "" }
        else if (c == "#") break
        else if (c == "\"" || c == sq) q = c
        else if (c == "[" || c == "{") depth++
        else if (c == "]" || c == "}") depth--
        out = out c
      }
      return out
    }
    BEGIN { sq = sprintf("%c", 39); depth = 0; at = 0; state = "none"
      dotted = name; gsub(/\./, "[.]", dotted)
      entry = "path[ \t]*=[ \t]*[\"" sq "](\\./)?" dotted "[\"" sq "]|^[ \t]*include[ \t]*=.*[[,][ \t]*[\"" sq "]" dotted "[\"" sq "]" }
    { sub(/\r$/, "") }
    depth == 0 && /^[ \t]*\[\[[ \t]*include[ \t]*\]\]/ { state = "tables"; at = NR; exit }
    depth == 0 && /^[ \t]*\[/ { table = 1 }
    table { next }
    depth == 0 && /^[ \t]*("include"|include)[ \t]*=/ { state = "array"; at = NR
      if ($0 !~ /=[ \t]*\[/) state = "string"
      inside = 1 }
    { text = scan($0)
      if (inside && text ~ entry) { state = "ours"; at = NR; exit }
      if (depth <= 0) { depth = 0; inside = 0 } }
    END { print state, at }
  ' "$1"
}

# Writes file $1 with the include of $2 into $3. Fails where the include is of a kind that cannot be extended.
wb_include_add() {
  wb_entry="{ path = \"$2\", optional = true }"
  wb_scan=$(wb_include_scan "$1" "$2")
  wb_at=${wb_scan#* }
  case $wb_scan in
    ours*) cat "$1" >"$3" ;;
    none*) wb_include_first "$1" "include = [$wb_entry] # warmbox" >"$3" ;;
    array*) sed "${wb_at}s|\\[|[$wb_entry, |" "$1" >"$3" ;;
    string*)
      sed -e "${wb_at}s|=[ 	]*\\(\"[^\"]*\"\\)|= [$wb_entry, \\1]|" -e "${wb_at}s|=[ 	]*\\('[^']*'\\)|= [$wb_entry, \\1]|" "$1" >"$3"
      ;;
    *) return 1 ;;
  esac
}

# Prints file $1 with the line $2 in front: after a byte order mark, which must stay first.
wb_include_first() {
  if [ "$(head -c 3 "$1")" = "$(printf '\357\273\277')" ]; then
    head -c 3 "$1"
    wb_from_byte=4
  else
    wb_from_byte=1
  fi
  printf '%s' "$2"
  ! wb_is_crlf "$1" || printf '\r'
  printf '\n'
  tail -c +$wb_from_byte "$1"
}

# The entry for $1 as a basic regular expression, however it is spaced, into wb_entry.
wb_include_entry() {
  wb_entry="{[ 	]*path[ 	]*=[ 	]*[\"']$(printf '%s' "$1" | sed 's/[.]/[.]/g')[\"'][ 	]*,[ 	]*optional[ 	]*=[ 	]*true[ 	]*}"
}

# Writes file $1 without the include of $2 into $3: our own line whole, our entry out of a longer one.
wb_include_cut() {
  wb_scan=$(wb_include_scan "$1" "$2")
  wb_at=${wb_scan#* }
  wb_include_entry "$2"
  wb_bom=$(printf '\357\273\277')
  case $wb_scan in
    ours*) sed -n "${wb_at}p" "$1" >"$3.line" ;;
    *) cat "$1" >"$3" && return 0 ;;
  esac
  if grep -q "^\\($wb_bom\\)\\{0,1\\}include = \\[$wb_entry\\] # warmbox[[:space:]]*\$" "$3.line"; then
    {
      ! grep -q "^$wb_bom" "$3.line" || printf '%s' "$wb_bom"
      sed "${wb_at}d" "$1"
    } >"$3"
  else
    sed -e "${wb_at}s|$wb_entry,[ 	]*||" -e "${wb_at}s|,[ 	]*$wb_entry||" -e "${wb_at}s|$wb_entry||" \
      -e "${wb_at}s|\\] # warmbox\$|]|" "$1" >"$3"
  fi
}

# First and last line of the block $2 in file $1: "FIRST LAST", "0 0" where there is none, "FIRST 0" where it has no end.
wb_block_scan() {
  awk -v name="$2" '
    { sub(/\r$/, "") }
    !first && $0 == "# >>> warmbox " name { first = NR }
    first && $0 == "# <<< warmbox " name { last = NR; exit }
    END { print first + 0, last + 0 }' "$1"
}

# Prints the block in file $2 with the line ends of file $1.
wb_block_text() {
  if wb_is_crlf "$1"; then awk '{ printf "%s\r\n", $0 }' "$2"; else cat "$2"; fi
}

# Writes file $1 with the block $2 (text in file $3) into $4: in its place, else at the end.
# wb_grown tells whether a last line without end got one first.
wb_block_add() {
  wb_scan=$(wb_block_scan "$1" "$2")
  wb_grown=-
  case $wb_scan in
    '0 0')
      [ -z "$(tail -c 1 "$1")" ] || wb_grown=grown
      {
        cat "$1"
        [ $wb_grown = - ] || {
          ! wb_is_crlf "$1" || printf '\r'
          printf '\n'
        }
        wb_block_text "$1" "$3"
      } >"$4"
      ;;
    *' 0') return 1 ;;
    *)
      {
        head -n $((${wb_scan% *} - 1)) "$1"
        wb_block_text "$1" "$3"
        tail -n +$((${wb_scan#* } + 1)) "$1"
      } >"$4"
      ;;
  esac
}

# Writes file $1 without the block $2 into $4; $3 = grown: the line before it had no end, and gets none back if it is the last.
wb_block_cut() {
  wb_scan=$(wb_block_scan "$1" "$2")
  case $wb_scan in
    '0 0' | *' 0') cat "$1" >"$4" ;;
    *)
      head -n $((${wb_scan% *} - 1)) "$1" >"$4"
      tail -n +$((${wb_scan#* } + 1)) "$1" >"$4.rest"
      if [ "$3" = grown ] && [ ! -s "$4.rest" ] && [ -s "$4" ]; then
        wb_size=$(($(wc -c <"$4") - 1))
        ! wb_is_crlf "$4" || wb_size=$((wb_size - 1))
        head -c $wb_size "$4" >"$4.cut" && mv -f "$4.cut" "$4"
      fi
      cat "$4.rest" >>"$4"
      ;;
  esac
}

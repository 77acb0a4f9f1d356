# --- edits of the user's files: warmbox's line for cargo and its marked blocks, added and removed
# All other bytes pass through head, tail or cat unchanged; new lines get the line ends of the file.

# Does the file use CRLF? Its first line decides.
wb_is_crlf() {
  local first=''
  IFS= read -r first <"$1" || true
  case $first in *"$(printf '\r')") return 0 ;; *) return 1 ;; esac
}

# Finds the include in cargo's file $1: prints "entry|array|string|tables|none LINE", entry where it has the file $2.
# Reads the top level only; a value may span lines and contain comments.
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
      quote = "[\"" sq "]"
      entry = "path[ \t]*=[ \t]*" quote "(\\./)?" dotted quote
      entry = entry "|^[ \t]*include[ \t]*=.*[[,][ \t]*" quote dotted quote }
    { sub(/\r$/, "") }
    depth == 0 && /^[ \t]*\[\[[ \t]*include[ \t]*\]\]/ { state = "tables"; at = NR; exit }
    depth == 0 && /^[ \t]*\[/ { table = 1 }
    table { next }
    depth == 0 && /^[ \t]*("include"|include)[ \t]*=/ { state = "array"; at = NR
      if ($0 !~ /=[ \t]*\[/) state = "string"
      inside = 1 }
    { text = scan($0)
      if (inside && text ~ entry) { state = "entry"; at = NR; exit }
      if (depth <= 0) { depth = 0; inside = 0 } }
    END { print state, at }
  ' "$1"
}

# Writes file $1 with the include of $2 into $3. Fails where the include is of a kind that cannot be extended; wb_scan
# has its kind and line.
wb_include_add() {
  local entry="{ path = \"$2\", optional = true }" at=''
  wb_scan=$(wb_include_scan "$1" "$2")
  at=${wb_scan#* }
  case $wb_scan in
    entry*) cat "$1" >"$3" ;;
    none*) wb_include_first "$1" "include = [$entry] # warmbox" >"$3" ;;
    array*) sed "${at}s|\\[|[$entry, |" "$1" >"$3" ;;
    string*)
      sed -e "${at}s|=[ 	]*\\(\"[^\"]*\"\\)|= [$entry, \\1]|" \
        -e "${at}s|=[ 	]*\\('[^']*'\\)|= [$entry, \\1]|" "$1" >"$3"
      ;;
    *) return 1 ;;
  esac
}

# Prints file $1 with the line $2 before it: after a byte order mark, which must stay first.
wb_include_first() {
  local offset=1
  if [ "$(head -c 3 "$1")" = "$(printf '\357\273\277')" ]; then
    head -c 3 "$1"
    offset=4
  fi
  printf '%s' "$2"
  ! wb_is_crlf "$1" || printf '\r'
  printf '\n'
  tail -c +$offset "$1"
}

# Prints the entry for $1 as a basic regular expression that allows any spacing.
wb_include_entry() {
  printf '%s' "{[ 	]*path[ 	]*=[ 	]*[\"']$(printf '%s' "$1" | sed 's/[.]/[.]/g')[\"']"
  printf '%s' '[ 	]*,[ 	]*optional[ 	]*=[ 	]*true[ 	]*}'
}

# Writes file $1 without the include of $2 into $3: a line that only warmbox writes is removed, else its entry in the
# line.
wb_include_cut() {
  local scan='' at='' entry='' bom=''
  scan=$(wb_include_scan "$1" "$2")
  at=${scan#* }
  entry=$(wb_include_entry "$2")
  bom=$(printf '\357\273\277')
  case $scan in
    entry*) sed -n "${at}p" "$1" >"$3.line" ;;
    *) cat "$1" >"$3" && return 0 ;;
  esac
  if grep -q "^\\($bom\\)\\{0,1\\}include = \\[$entry\\] # warmbox[[:space:]]*\$" "$3.line"; then
    {
      ! grep -q "^$bom" "$3.line" || printf '%s' "$bom"
      sed "${at}d" "$1"
    } >"$3"
  else
    sed -e "${at}s|$entry,[ 	]*||" -e "${at}s|,[ 	]*$entry||" -e "${at}s|$entry||" \
      -e "${at}s|\\] # warmbox\$|]|" "$1" >"$3"
  fi
}

# First and last line of the block $2 in file $1: "FIRST LAST", "0 0" where there is none, "FIRST 0" where it has no
# end.
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

# Writes file $1 with the block $2 (text in file $3) into $4: in its place, else at the end. Fails where the block has
# no end; wb_scan has its lines. wb_grown is "grown" where a last line without end got one first, else "-".
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

# Writes file $1 without the block $2 into $4. $3 = grown: the line before the block had no end, and loses it again if
# it is the last line.
wb_block_cut() {
  local scan='' size=0
  scan=$(wb_block_scan "$1" "$2")
  case $scan in
    '0 0' | *' 0') cat "$1" >"$4" ;;
    *)
      head -n $((${scan% *} - 1)) "$1" >"$4"
      tail -n +$((${scan#* } + 1)) "$1" >"$4.rest"
      if [ "$3" = grown ] && [ ! -s "$4.rest" ] && [ -s "$4" ]; then
        size=$(($(wc -c <"$4") - 1))
        ! wb_is_crlf "$4" || size=$((size - 1))
        head -c $size "$4" >"$4.cut" && mv -f "$4.cut" "$4"
      fi
      cat "$4.rest" >>"$4"
      ;;
  esac
}

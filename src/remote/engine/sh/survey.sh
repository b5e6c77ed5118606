# Everything a deployment wants to know about a host and an application, in one look. Changes nothing, unless `$4` is
# `prepare`: then the root is made where it is missing.
place=$root
while [ ! -d "$place" ]; do place=${place%/*}; [ -n "$place" ] || place=/; done
df -Pk "$place" | while read -r _ _ _ free _; do say disk "$free"; done
# Some file systems count no files.
df -Pi "$place" | while read -r _ all _ free _; do [ "$all" = 0 ] || say inodes "$free"; done
if [ -d "$root" ] && [ -w "$root" ]; then say root yes
elif [ "$4" != prepare ]; then
    if { [ ! -d "$root" ] && [ -w "$place" ]; } || sudo -n test -w "$place" 2>/dev/null; then say root yes
    else say root "$place cannot be written to"; fi
elif mkdir -p "$root" 2>/dev/null; then say root yes
elif sudo -n mkdir -p "$root" 2>/dev/null && sudo -n chown "$(id -u):$(id -g)" "$root"; then say root yes
else say root "$(mkdir -p "$root" 2>&1 | head -n 1)"; fi
say driver "$driver"
case ${engine:-} in sudo*) say engine "${engine##* }" sudo ;; ?*) say engine "$engine" ;; esac
for tool in curl flock tar sha256sum setsid awk; do command -v "$tool" >/dev/null || say missing "$tool"; done
said=$(driver_check 2>&1) || say missing "$said"
listening | while read -r at; do say listens "${at##*:}"; done
if [ -d "$base" ]; then
    slot=$(active)
    say serving "$slot" "$(line_of "$base/serving")"
    [ ! -e "$base/stopped" ] || say stopped
    [ ! -e "$base/active/maintenance" ] || say maintenance
    for slot in blue green; do
        [ -e "$base/slots/$slot/release" ] || continue
        state=$(driver_state "$slot")
        say slot "$slot" "$(line_of "$base/slots/$slot/release")" "$(line_of "$base/slots/$slot/port")" "${state%%"$tab"*}" "${state##*"$tab"}"
    done
    if read_lease && lease_counts; then held; elif [ -n "$l_op" ]; then say left "$l_op" "$l_owner" "$l_purpose"; fi
    for folder in "$base"/releases/*/; do
        folder=${folder%/}
        [ -e "$folder/manifest" ] || continue
        built=no
        [ ! -e "$folder/complete" ] || built=yes
        status= why=
        { IFS= read -r status; IFS= read -r why; } 2>/dev/null <"$folder/STATUS"
        say release "${folder##*/}" "$built" "$status" "$why"
    done
    [ ! -d "$ops/$op" ] || {
        say operation "$(tail -n 1 "$ops/$op/journal" 2>/dev/null)"
        if working "$op"; then say working; fi
        [ ! -e "$ops/$op/flipped" ] || say flipped
    }
    if [ -d "$base/releases" ]; then say reclaim "$(du -sk "$base/releases" 2>/dev/null | cut -f1)"; fi
fi
say end

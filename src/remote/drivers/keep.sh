# Keeps the release of one slot running: `keep SLOT-FOLDER`. After a reboot: `keep --boot ROOT` for all of them. Where
# others keep it, its log is bounded by `keep --bound SLOT-FOLDER`.
umask 027
boot() { read -r id </proc/sys/kernel/random/boot_id; echo "$id"; }
identity() {
    read -r stat <"/proc/$1/stat" || return 1
    number=$1
    set -- ${stat##*) }
    echo "$number ${20} $(boot)"
}
# On a full disk a file that is there has room for as much as it held.
put() { { printf '%s\n' "$2" >"$1.new" && mv -f "$1.new" "$1"; } || { rm -f "$1.new"; [ -s "$1" ] && printf '%s\n' "$2" >"$1"; }; } 2>/dev/null

# What a log has beyond eight megabytes is moved aside, once.
bound() {
    while sleep 5; do
        [ -d "$1" ] || exit 0
        [ "$(wc -c <"$1/log")" -le 8388608 ] || { cp "$1/log" "$1/log.1" && : >"$1/log" && echo 0 >"$1/log.from"; }
    done
}
if [ "$1" = --bound ]; then
    bound "$2"
    exit
fi

if [ "$1" = --boot ]; then
    for base in "$2"/apps/*/*; do
        [ -e "$base/serving" ] && [ ! -e "$base/stopped" ] || continue
        slot=blue
        [ ! -e "$base/active/green" ] || slot=green
        [ -e "$base/slots/$slot/launch" ] || continue
        rm -f "$base/slots/$slot/stop" "$base/slots/$slot/state" "$base/slots/$slot/kept"
        setsid sh "$2/bin/keep" "$base/slots/$slot" boot </dev/null >>"$base/slots/$slot/log" 2>&1 &
    done
    exit
fi

# What served before is started again whatever can be written; a candidate that could not be ended later is not.
s=$1 serves=${2:-}
exec 5>>"$s/keep.lock"
flock -n 5 || exit 0
put "$s/keeper" "$(identity $$)" || [ -n "$serves" ] || exit 1
cp "$s/generation" "$s/kept"
IFS= read -r release <"$s/release_folder"
# After a boot there is less in the path than there was at the deployment.
[ -n "$PYTHON" ] || PYTHON=$release/environment/bin/python3
while read -r key value; do [ "$key" != oom_kill ] || echo "$value"; done </proc/vmstat >"$s/oom"
(
    exec 5>&-
    bound "$s"
) &
rotator=$!
trap : TERM HUP INT
restarts=0 ended=
while [ ! -e "$s/stop" ]; do
    setsid env -i PATH="$release/environment/bin:/usr/local/bin:/usr/bin:/bin" HOME="$HOME" LANG=C.UTF-8 \
        sh -c 'env=$1 python=$3 text=$4; . "$2"; cd "$dir" && exec "$python" -ISB -c "$text" "$env" "$@"' \
        keep "$s/env" "$s/launch" "$PYTHON" "$WITH_VALUES" 5>&- &
    child=$!
    { put "$s/child" "$(identity $child)" && put "$s/state" "running 0 $restarts"; } || [ -n "$serves" ] || [ $restarts -gt 0 ] || {
        kill -KILL "-$child" 2>/dev/null || kill -KILL "$child"
        kill $rotator 2>/dev/null
        exit 1
    }
    while :; do
        wait $child
        code=$?
        # A signal to this shell ends the wait, too.
        kill -0 $child 2>/dev/null || break
    done
    # What it left behind goes with it.
    kill -KILL "-$child" 2>/dev/null
    [ ! -e "$s/stop" ] || break
    read -r up _ </proc/uptime
    kept=
    for at in $ended ${up%%.*}; do [ $((${up%%.*} - at)) -ge 600 ] || kept="$kept $at"; done
    ended=$kept
    restarts=$((restarts + 1))
    set -- $ended
    if [ $# -gt 5 ]; then
        put "$s/state" "failed $code $restarts"
        kill $rotator 2>/dev/null
        exit 1
    fi
    put "$s/state" "exited $code $restarts"
    wait_for=$#
    while [ $wait_for -gt 0 ] && [ ! -e "$s/stop" ]; do
        sleep 0.5
        wait_for=$((wait_for - 1))
    done
done
kill $rotator 2>/dev/null
put "$s/state" "stopped 0 $restarts"

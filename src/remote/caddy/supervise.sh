#!/bin/sh
# Written by cgo: keeps Caddy running where systemd does not. `$1` the root folder of projects.
LC_ALL=C
export LC_ALL
umask 077
caddy=$1/caddy
cd / || exit 1
exec 7>>"$caddy/supervisor.lock" || exit 1
flock -n 7 || exit 0

account=
if [ "$(id -u)" = 0 ] && id caddy >/dev/null 2>&1 && command -v setpriv >/dev/null 2>&1; then account=caddy; fi
HOME=$caddy/data XDG_DATA_HOME=$caddy/data XDG_CONFIG_HOME=$caddy/data
export HOME XDG_DATA_HOME XDG_CONFIG_HOME
caddy_runs() {
    set -- caddy run --config "$caddy/Caddyfile" --adapter caddyfile
    if [ -n "$account" ]; then
        set -- setpriv "--reuid=$account" "--regid=$(id -g "$account")" --init-groups \
            --inh-caps=+net_bind_service --ambient-caps=+net_bind_service "$@"
    fi
    exec "$@"
}
# Whether the process of the file `$1` still runs.
lives() {
    read -r pid start <"$1" && read -r line <"/proc/$pid/stat" || return 1
    set -- ${line##*) }
    [ "${20}" = "$start" ] && [ "$1" != Z ]
} 2>/dev/null

# One that another supervisor left behind serves on; it is waited for.
while lives "$caddy/caddy.pid"; do sleep 1; done

child=
trap '[ -z "$child" ] || kill "$child" 2>/dev/null; exit 0' TERM INT
trap '' HUP
pause=0
while :; do
    # What it wrote before it could write its own log; the last starts are enough.
    [ ! -f "$caddy/supervisor.log" ] || [ "$(wc -c <"$caddy/supervisor.log")" -lt 1000000 ] || : >"$caddy/supervisor.log"
    rm -f "$caddy/run/admin.sock"
    begun=$(date +%s)
    (caddy_runs) </dev/null >>"$caddy/supervisor.log" 2>&1 7>&- &
    child=$!
    if read -r line <"/proc/$child/stat"; then
        set -- ${line##*) }
        # On a full disk a file that is there has room for as much as it held.
        { echo "$child ${20}" >"$caddy/caddy.pid.new" && mv -f "$caddy/caddy.pid.new" "$caddy/caddy.pid"; } ||
            { rm -f "$caddy/caddy.pid.new"; echo "$child ${20}" 1<>"$caddy/caddy.pid"; }
    fi
    wait "$child"
    child=
    # At once when it has run for a while; ever later when it ends at once.
    if [ $(($(date +%s) - begun)) -ge 10 ]; then pause=0; else pause=$((pause * 2 + 1)); fi
    [ "$pause" -le 30 ] || pause=30
    [ "$pause" = 1 ] || sleep "$pause"
done

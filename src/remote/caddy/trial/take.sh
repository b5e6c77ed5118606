# Takes away what was put for a trial. `$1` the folder that was printed.
trial_ends() {
    case $1 in /tmp/cgo-trial.*) ;; *) return 0 ;; esac
    [ ! -f "$1/keeper" ] || kill "$(cat "$1/keeper")" 2>/dev/null
    waited=0
    while [ -d "$1" ] && [ "$waited" -lt 50 ]; do
        waited=$((waited+1))
        sleep 0.1 2>/dev/null || { sleep 1; waited=$((waited+9)); }
    done
    rm -rf "$1"
}

# Releases as plain processes, each slot kept by a shell of its own: no container engine, no systemd, no root.
# A slot's folder holds `launch` and `env` (what runs), `generation` (which launch), `keeper` (the process that keeps
# it), `child` (the release's own), `state` (its last report) and `log`.

driver_check() { command -v python3 >/dev/null || { echo "python3"; return 1; }; }

# What starts it after a reboot, where there is cron.
entry="@reboot sh '$root/bin/keep' --boot '$root'"

# Everything the account has cron do, in $lines. What cannot be read is not taken for nothing.
others() { lines=$(crontab -l 2>&1) || case $lines in *"no crontab"*) lines= ;; *) return 1 ;; esac; }

# Writes the keeper, which also runs after a reboot.
driver_install() {
    install_keeper || return 1
    command -v crontab >/dev/null || { say note "no cron here: after a reboot the project is started by 'cgo project start'"; return 0; }
    # Several applications may be put in place at once.
    {
        flock 8 || return 1
        others || { say warning "cron does not say what it has: after a reboot the project is started by 'cgo project start'"; return 0; }
        printf '%s\n' "$lines" | grep -qxF "$entry" || printf '%s\n' "$lines" "$entry" | sed '/./,$!d' | crontab -
    } 8>>"$root/bin/cron.lock"
}

# Waits for the time number $1 for what should soon be so: a hundredth of a second at first.
rest() { if [ "$1" -lt 20 ]; then sleep 0.01; else sleep 0.05; fi; }

driver_start() {
    s=$base/slots/$1
    if lives "$s/keeper" && [ "$(line_of "$s/generation")" = "$(line_of "$s/kept")" ]; then
        case $(line_of "$s/state") in failed*) ;; *) return 0 ;; esac
    fi
    driver_stop "$1" || return 1
    rm -f "$s/stop" "$s/kept"
    : >>"$s/log"
    # What it writes from here on is its own.
    wc -c <"$s/log" >"$s/log.from"
    setsid sh "$root/bin/keep" "$s" </dev/null >>"$s/log" 2>&1 5>&- 6>&- 7>&- 8>&- 9>&- &
    tries=0
    until [ -s "$s/state" ]; do
        tries=$((tries + 1))
        [ $tries -lt 120 ] || { echo "nothing keeps slot $1"; return 1; }
        rest $tries
    done
}

driver_state() {
    s=$base/slots/$1
    read -r word code count 2>/dev/null <"$s/state" || { printf 'stopped\t\t'; return; }
    case $word in
    running)
        if lives "$s/child"; then printf 'running\t%s\t%s' "$alive-$start" "$count"; return; fi
        if lives "$s/keeper"; then printf 'exited\t\t'; else printf 'dead\t\t'; fi
        ;;
    exited | failed)
        if [ "$code" = 137 ] && lacked_memory "$s"; then printf 'oom\t\t'
        elif [ "$code" -gt 128 ]; then printf 'exited\t\tsignal %s' $((code - 128))
        else printf 'exited\t\texit code %s' "$code"; fi
        ;;
    *) printf '%s\t\t' "$word" ;;
    esac
}

# What serves is started after a reboot by what `driver_install` left.
driver_keep() { :; }

# Ends what runs in a slot: SIGTERM, its stop time, SIGKILL. Prints a warning when it had to be killed.
driver_stop() {
    s=$base/slots/$1
    [ -d "$s" ] || return 0
    : >"$s/stop"
    grace=$(line_of "$s/stop_after")
    tick
    ends=$((up + ${grace:-10} + 1))
    told= tries=0
    while lives "$s/keeper" || lives "$s/child"; do
        if lives "$s/child"; then
            if [ "$up" -ge $ends ]; then
                [ "$told" = killed ] || say warning "the release in slot $1 did not end within ${grace:-10} s of SIGTERM and was killed"
                kill -KILL "-$alive" 2>/dev/null || kill -KILL "$alive" 2>/dev/null
                told=killed
            elif [ -z "$told" ]; then
                kill -TERM "$alive" 2>/dev/null
                told=asked
            fi
        fi
        [ "$up" -lt $((ends + 10)) ] || { echo "slot $1 does not end"; return 1; }
        tries=$((tries + 1))
        rest $tries
        tick
    done
    for left in "$s/state" "$s/child" "$s/keeper"; do [ ! -e "$left" ] || rm -f "$left"; done
}

driver_log() {
    s=$base/slots/$1
    from=$(cat "$s/log.from" 2>/dev/null || echo 0)
    tail -c "+$((from + 1))" "$s/log" 2>/dev/null | tail -n "$2"
}
# How many lines it has written so far.
driver_log_from() { driver_log "$1" 1000000 | wc -l; }

# Address and port of each socket that the processes of a slot listen on.
driver_listeners() {
    lives "$base/slots/$1/child" || return 0
    session=$alive
    inodes=
    for stat in /proc/[0-9]*/stat; do
        read -r line 2>/dev/null <"$stat" || continue
        pid=${stat#/proc/}
        pid=${pid%/stat}
        set -- ${line##*) }
        [ "$4" = "$session" ] || continue
        for fd in "/proc/$pid/fd/"*; do
            case $(readlink "$fd" 2>/dev/null) in socket:*) inode=$(readlink "$fd"); inode=${inode#socket:?}; inodes="$inodes ${inode%?}" ;; esac
        done
    done
    # None are not all of the machine's.
    [ -n "$inodes" ] || return 0
    listening_of "$inodes" /proc/net
}

# With the last application the machine starts nothing of ours any more.
driver_remove() {
    for one in "$root"/apps/*/*/serving; do
        [ ! -e "$one" ] || [ "$one" = "$base/serving" ] || return 0
    done
    command -v crontab >/dev/null && [ -d "$root/bin" ] || return 0
    {
        flock 8 || return 1
        others && printf '%s\n' "$lines" | grep -qxF "$entry" || return 0
        printf '%s\n' "$lines" | grep -vxF "$entry" | crontab -
    } 8>>"$root/bin/cron.lock"
}

# Whether a release that was started may serve: asked at its own port, several times, of one and the same process.
# Given: p_health, p_host, p_expect, p_deadline. `gate SLOT PORT`; the cause in $cause_kind and $cause.

# Sets the cause, the first word of which stands for it.
because() { cause_kind=$1; cause=$2; return 1; }

# Asks once: $status, $location, $body; 0 when it answered at all.
ask() {
    reply=$(curl -sS -m 5 --connect-timeout 5 --noproxy '*' -H "Host: $p_host" -o "$ops/$op/answer" \
        -w '%{http_code}\t%{redirect_url}\t%{time_total}' "http://127.0.0.1:$1$p_health" 2>"$ops/$op/refusal")
    code=$?
    # There is no room for the answer: then it is done without.
    [ $code != 23 ] || {
        reply=$(curl -sS -m 5 --connect-timeout 5 --noproxy '*' -H "Host: $p_host" -o /dev/null \
            -w '%{http_code}\t%{redirect_url}\t%{time_total}' "http://127.0.0.1:$1$p_health" 2>/dev/null)
        code=$?
    }
    status=${reply%%"$tab"*}
    location=${reply#*"$tab"}
    took=${location#*"$tab"}
    location=${location%%"$tab"*}
    return $code
}

# Says in $cause why what runs in the slot that was looked at is no longer what was started.
ended() {
    # What keeps it may be about to say how.
    tries=0
    while [ "$state:$detail" = exited: ] && [ $tries -lt 20 ]; do
        sleep 0.05
        look_at "$looked_at"
        tries=$((tries + 1))
    done
    case $state in
    exited) because crashed "its process ended with ${detail:-an unknown outcome}" ;;
    oom) because oom "it was killed for lack of memory (OOM)${detail:+; its limit is $detail}" ;;
    failed) because not_started "it could not be started: $detail" ;;
    *) because replaced "its process was replaced while it was asked" ;;
    esac
}

look_at() {
    looked_at=$1
    set -- "$(driver_state "$1")"
    state=${1%%"$tab"*}
    rest=${1#*"$tab"}
    instance=${rest%%"$tab"*}
    detail=${rest#*"$tab"}
    [ "$detail" != "$rest" ] || detail=
}

gate() {
    slot=$1 port=$2
    begun=$(uptime_of)
    good=0 all=0 redirects=0 asked_times=0 bad_kind= bad=
    look_at "$slot"
    first=$instance
    [ "$state" = running ] || { ended; return 1; }
    # The same process passed it a moment ago: one good answer more will do.
    if read -r passed_at passed <"$ops/$op/passed" && [ "$passed" = "$first $boot_id" ] &&
        [ $((begun - passed_at)) -lt 10 ]; then good=2 all=2; fi 2>/dev/null
    while :; do
        renew
        ask "$port"
        code=$?
        ! is_unwanted || { because interrupted "it was interrupted"; return 1; }
        look_at "$slot"
        [ "$state" = running ] && [ "$instance" = "$first" ] || { ended; return 1; }
        case $code:$status in
        0:$p_expect)
            good=$((good + 1)) all=$((all + 1)) redirects=0
            if [ $good -ge 3 ]; then
                foreign "$slot" "$port" || return 1
                echo "$(uptime_of) $first $boot_id" >"$ops/$op/passed" 2>/dev/null
                say gate "$all" "$(($(uptime_of) - begun))" "$took"
                return 0
            fi
            ;;
        0:3*)
            good=0 redirects=$((redirects + 1)) bad_kind=redirect
            bad="it answered with a redirect ($status) to $location; it was asked as $p_host"
            ;;
        0:*)
            good=0 redirects=0 bad_kind=status
            shown=$(head -c 300 "$ops/$op/answer" | tr -c '[:print:]' ' ')
            case $shown in
            *[Hh]ost*) [ "$status" != 400 ] || bad_kind=host ;;
            esac
            bad="it answered with status $status${shown:+: $shown}"
            [ "$bad_kind" != host ] || bad="it refuses the name it is asked as, $p_host: status $status: $shown"
            ;;
        7:*) [ -n "$bad_kind" ] && [ "$bad_kind" != refused ] || { bad_kind=refused; bad="it never listened on port $port"; }; good=0 ;;
        28:*) good=0 bad_kind=timeout bad="it accepted a connection and did not answer within 5 s" ;;
        *) good=0 bad_kind=broken bad="it broke the connection off: $(head -c 200 "$ops/$op/refusal" | tr -c '[:print:]' ' ')" ;;
        esac
        if [ $(($(uptime_of) - begun)) -ge "$p_deadline" ] || [ $redirects -ge 3 ]; then
            if [ $all -gt 0 ] && [ $good -eq 0 ]; then because flapped "it gave $all good answer(s), but not three in a row; the last bad one: $bad"; return; fi
            explain
            return 1
        fi
        # It may come up at any moment now.
        asked_times=$((asked_times + 1))
        if [ $good -gt 0 ]; then sleep 0.3; elif [ $asked_times -lt 20 ]; then sleep 0.05; else sleep 0.2; fi
    done
}

# A better word for a connection that was refused to the end; an engine takes one and breaks it off where nothing in the
# container takes it.
explain() {
    because "${bad_kind:-timeout}" "${bad:-it did not answer well within $p_deadline s}"
    case $driver:$bad_kind in *:refused | container:broken) ;; *) return 0 ;; esac
    own=" 127.0.0.1:$port " reach="at 127.0.0.1:$port"
    [ "$driver" != container ] || own=" 0.0.0.0:$port " reach="from outside its container: there it has to listen on 0.0.0.0:$port"
    # An engine's own resolver listens in every container.
    where=$(driver_listeners "$slot" | grep -v '^127\.0\.0\.11:' | sort -u | tr '\n' ' ')
    case " $where" in
    " " | "  ") because slow "it runs, and had not begun to listen on port $port after $p_deadline s: it boots slowly, or waits for something" ;;
    *"$own"* | *" 0.0.0.0:$port "* | *" [::]:$port "*)
        [ "$bad_kind" = broken ] || because slow "it began to listen on port $port only after $p_deadline s" ;;
    *":$port "*) because address "it listens on ${where% } only and cannot be reached $reach" ;;
    *:*) because port "it listens on ${where% } instead of port $port" ;;
    esac
    return 0
}

# Refuses answers that somebody else gave. Sockets that may not be looked at prove nothing.
foreign() {
    where=$(driver_listeners "$1")
    [ -n "$where" ] || return 0
    case "$where" in
    *":$2"*) return 0 ;;
    esac
    because foreign "port $2 is answered by another process; the release listens on $(echo $where)"
}

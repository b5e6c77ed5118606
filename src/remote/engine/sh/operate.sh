# What an operator does with an application as it stands: `$4` what. Short work, under the lock; a deployment excludes it.
. /dev/stdin <<PLAN
$(cat)
PLAN
mkdir -p "$ops" 2>/dev/null
refuse_while_held() {
    alone
    if read_lease && lease_counts; then held; together; exit 5; fi
}
# Ends what serves and starts it anew, under one lock. Nothing says meanwhile that it was stopped: what is cut off in the
# midst of it is found broken, and started with the machine.
restart() {
    refuse_while_held
    slot=$(active)
    [ -n "$slot" ] || { say nothing; exit 0; }
    rm -f "$base/stopped"
    audit stop "$slot" "" "to be started anew"
    # Whoever asked for it may be gone: what is told then must not end this before the start.
    trap '' PIPE
    driver_stop "$slot" || exit 1
    trap - PIPE
    driver_start "$slot" || exit 1
    driver_keep "$slot"
    audit start "" "$slot" ok
}
slot=$(active)
case $4 in
logs | follow | variables) ;;
*) is_ours_to_change || { say cause newer "$newer"; exit 9; } ;;
esac
case $4 in
stop)
    refuse_while_held
    [ -n "$slot" ] || { say nothing; exit 0; }
    : >"$base/stopped"
    driver_stop blue && driver_stop green || exit 1
    audit stop "$slot" "" ok
    ;;
start)
    refuse_while_held
    [ -n "$slot" ] || { say nothing; exit 0; }
    driver_start "$slot" || exit 1
    rm -f "$base/stopped"
    driver_keep "$slot"
    audit start "" "$slot" ok
    ;;
restart) restart ;;
variables) [ -z "$slot" ] || cat "$base/slots/$slot/env" ;;
logs) [ -z "$slot" ] || driver_log "$slot" "$7" ;;
follow)
    # `$7` is where the last answer ended, empty at first, when the last `$8` lines are told. Waits for whole lines that
    # are new, and says where they end: what comes while it tells them is for the next answer.
    from=$7
    tries=100
    while :; do
        slot=$(active)
        here="$slot $(line_of "$base/slots/$slot/generation" 2>/dev/null)"
        seen=$(driver_log_from "$slot" 2>/dev/null)
        seen=$((${seen:-0}))
        case $from in
        "$here "*) done=${from##* } ;;
        '')
            done=$((seen - $8))
            tries=0
            ;;
        *) done=0 ;;
        esac
        # A log that was cut begins anew.
        [ "$done" -ge 0 ] && [ "$done" -le "$seen" ] || done=0
        [ "$seen" -le "$done" ] && [ $tries -gt 0 ] || break
        tries=$((tries - 1))
        sleep 0.25
    done
    echo "$here $seen"
    [ "$seen" -le "$done" ] || driver_log "$slot" 1000000 | sed -n "$((done + 1)),${seen}p"
    ;;
remove)
    refuse_while_held
    : >"$base/stopped"
    driver_stop blue && driver_stop green || exit 1
    for folder in "$base"/releases/*/; do
        folder=${folder%/}
        [ ! -e "$folder/manifest" ] || driver_forget "${folder##*/}"
    done
    driver_remove || exit 1
    rm -rf "$base" && rmdir "$root/apps/$app" 2>/dev/null
    ;;
hold)
    alone
    # Its owner may say anew why.
    if read_lease && lease_counts && { [ "$l_expires" != never ] || [ "$l_owner" != "$p_owner" ]; }; then held; exit 5; fi
    # What somebody left stays to be settled by the next deployment.
    case $l_op in
    hold) ;;
    '') rm -f "$base/lease.left" ;;
    *) ln -f "$base/lease" "$base/lease.left" || exit 1 ;;
    esac
    clock
    write_lease hold "$p_owner" "$p_purpose" 0 "$now" never
    audit hold "" "$p_purpose" ok
    ;;
unhold | break)
    alone
    read_lease && [ "$l_expires" = never ] || { say nothing; exit 0; }
    [ "$4" = break ] || [ "$l_owner" = "$p_owner" ] || { held; exit 5; }
    if [ -e "$base/lease.left" ]; then mv -f "$base/lease.left" "$base/lease"; else rm -f "$base/lease"; fi
    audit unhold "$l_owner" "" ok
    ;;
keep)
    # A deployment waits here for its other hosts.
    alone
    is_ours || exit 0
    write_lease "$op" "$l_owner" "$l_purpose" "$l_fence" "$l_since" $ttl
    ;;
maintain | admit)
    [ -n "$slot" ] || { say nothing; exit 0; }
    flag=on was=off
    [ "$4" = maintain ] || flag=off
    [ ! -e "$base/active/maintenance" ] || was=on
    [ $was != $flag ] || exit 0
    caddy_flag "$base/active" maintenance $flag && audit "$4" $was $flag ok
    ;;
recall)
    write "$ops/$op/recall" 640 '%s\n' "$p_owner" && audit recall "$slot" "$(other "$slot")" "${p_purpose:-ok}"
    ;;
esac

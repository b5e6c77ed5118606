# A phase of an operation: steps one after the other, each in the journal before it begins and when it has ended.
# `$1` root, `$2` application, `$3` operation, `$4` phase. On its input the plan: what begins with `p_`.
#
# Before the flip a failure is undone and what served serves on; after it the work goes forward, or back to the release
# before as long as that still runs. Every step may be begun again: it looks at what is so, and does what is missing.

given=$(cat)
for folder in "$ops/$op" "$base/active" "$base/slots/blue" "$base/slots/green" "$base/releases" "$base/shared"; do
    [ -d "$folder" ] && continue
    mkdir -p "$folder" && chmod 750 "$root" "$root/apps" "$base" "$base/active" 2>/dev/null
    [ -d "$folder" ] || { say cause disk "$(disk_refuses || echo "its folders cannot be made")"; exit 9; }
done
# As long as this shell lives, the operation is worked on.
exec 6>>"$ops/$op/running"
flock -n 6 || { say note "this operation is worked on already"; exit 21; }
if [ -n "$given" ]; then eval "$given"; else . "$ops/$op/plan"; fi
# A plan that was kept before there were limits.
: "${p_migrate_within:=600}" "${p_build_within:=1800}"
# Which try of which phase this is; empty for whoever settles what another one left.
: "${p_step:=}"
# Visitors were sent to its release, also when whoever did that was killed before it was written down.
is_sent() { [ -e "$ops/$op/flipped" ] || { [ -e "$ops/$op/flipping" ] && [ "$(active)" = "$p_slot" ]; }; }
# Somebody does not want this try any more, and the release does not serve yet. Who goes on later wants another one.
is_unwanted() { [ -e "$ops/$op/cancel" ] && [ "$(line_of "$ops/$op/cancel")" = "$p_step" ] && ! is_sent; }
is_ours_to_change || { say cause newer "$newer"; exit 9; }
release_folder=$base/releases/$p_release
for folder in "$ops/$op/steps"/back-*; do [ "$4" = back ] || [ ! -d "$folder" ] || rm -rf "$folder"; done

# Room that is kept for what a full disk must not keep back: the journal, what is told, and what is taken back.
room=$ops/$op/room
trap 'rm -f "$room"' EXIT
has_room=
if head -c 65536 /dev/zero >"$room"; then has_room=yes; else rm -f "$room"; fi
make_room() { [ -n "$has_room" ] && has_room= && rm -f "$room"; }

# --- The steps.

do_lease() {
    alone
    if read_lease && [ "$l_op" != "$op" ]; then
        if lease_counts; then held; together; exit 5; fi
        settle "$l_op" "$l_owner"
    fi
    if is_ours; then
        # How long ago it was written last.
        [ "$l_boot" != "$boot_id" ] || renewed=$((l_expires - ttl))
    else
        # A number that only grows tells who came last, whatever becomes of clocks.
        fence=$(line_of "$base/fence")
        case $fence in *[!0-9]*) fence=$(printf '%s' "$fence" | tr -cd 0-9) ;; esac
        fence=$((${fence:-0} + 1))
        if [ -s "$ops/$op/fence" ]; then
            # It was ours once. Who was away for too long begins anew, unless nobody came between.
            [ "$(line_of "$ops/$op/fence")" = "$((fence - 1))" ] || { together; stale; }
        fi
        clock
        write "$base/fence" 640 '%s\n' "$fence" && write "$ops/$op/fence" 640 '%s\n' "$fence" &&
            write_lease "$op" "$p_owner" "$p_purpose" "$fence" "$now" $ttl ||
            { together; because disk "the lease cannot be written"; return 1; }
        renewed=$up
        audit lease "$l_owner" "$p_owner" ok
    fi
    [ -z "$given" ] || printf '%s' "$p_plan" | cmp -s - "$ops/$op/plan" || write "$ops/$op/plan" 600 %s "$p_plan" ||
        { together; because disk "the plan cannot be written"; return 1; }
    together
}

# Brings an operation to its end that somebody left: on when visitors were sent to its release and it is well, back when
# it is not, or they never were. Under the lock.
settle() {
    [ -r "$ops/$1/plan" ] || return 0
    say note "settling operation $1, which $2 left"
    (
        # The lock is had already, and nobody renews the lease of who is gone.
        alone() { :; }
        together() { :; }
        renew() { :; }
        op=$1
        . "$ops/$op/plan"
        release_folder=$base/releases/$p_release
        if [ "$(active)" != "$p_slot" ] || [ -e "$base/stopped" ]; then
            rm -f "$base/active/bake"
            driver_stop "$p_slot"
        elif is_sent; then
            # A reboot may have ended it, or whoever was killed not have had it kept: that is no fault of the release.
            if do_start && gate "$p_slot" "$p_port"; then
                [ "$(line_of "$base/serving")" = "$p_release" ] || send_to "$p_slot" "$p_release"
                driver_keep "$p_slot"
                rm -f "$base/active/bake"
                driver_stop "$(other "$p_slot")"
                conclude
            elif has_before; then
                say note "the release that serves is not well, and the one before is gone back to: $cause"
                revert
            fi
        fi
        mark settle done
    )
}

do_prepare() {
    slot=$base/slots/$p_slot
    if [ "$(active)" = "$p_slot" ] && [ "$(line_of "$base/serving")" != "$p_release" ]; then
        because serves "slot $p_slot serves visitors since this deployment was planned"
        return 1
    fi
    # What is left of a bake that was cut off would let visitors in before the gate.
    [ "$(active)" = "$p_slot" ] || end_bake
    if [ -n "$wanted" ] && [ "$wanted" != "$driver" ]; then
        because driver "it runs by the driver $driver there; take it off with 'cgo project remove' to change to $wanted"
        return 1
    fi
    [ -s "$base/driver" ] || write "$base/driver" 640 '%s\n' "$driver" || return 1
    [ -s "$base/format" ] || write "$base/format" 640 '%s\n' $format || return 1
    # A launch that is already so is left alone: to write it again would restart it.
    [ "$(line_of "$slot/generation")" != "$p_generation" ] || return 0
    driver_install || return 1
    [ "$(active)" = "$p_slot" ] || driver_stop "$p_slot" || return 1
    for at in $(listening); do
        case $at in *":$p_port") because taken "port $p_port is taken: something listens on $at"; return 1 ;; esac
    done
    # The generation comes last: with it all of it is there.
    put "$slot/env" 600 %s "$p_env" && put "$slot/launch" 640 %s "$p_launch" &&
        put "$slot/release" 640 '%s\n' "$p_release" && put "$slot/port" 640 '%s\n' "$p_port" &&
        put "$slot/stop_after" 640 '%s\n' "$p_stop_after" && put "$slot/release_folder" 640 '%s\n' "$release_folder" &&
        driver_prepare "$p_slot" && put "$ops/$op/migrate" 640 %s "$p_migrate" &&
        settle_disk "$slot/env" "$slot/launch" "$slot/release" "$slot/port" "$slot/stop_after" "$slot/release_folder" \
            "$ops/$op/migrate" "$ops/$op" && write "$slot/generation" 640 '%s\n' "$p_generation"
}

# Once for each release, and one at a time, whoever was killed in its midst.
do_migrate() {
    [ -s "$ops/$op/migrate" ] && [ ! -e "$release_folder/migrated" ] || return 0
    {
        await_migration || return 1
        [ ! -e "$release_folder/migrated" ] || return 0
        say note "migrating"
        driver_once "$p_slot" "$ops/$op/migrate" "$p_migrate_within" "$release_folder/migrated" >"$ops/$op/migration" 2>&1
        code=$?
    } 8>>"$base/migrating" || { because disk "its migration cannot be begun"; return 1; }
    # What runs containers went away under it, or cannot run any: that says nothing about the release.
    if [ "$driver:$code" = container:125 ]; then
        if grep -qiE "$GONE" "$ops/$op/migration"; then because driver "its container engine went away while it migrated"
        else because driver "its container engine cannot run it: $(tail -n 1 "$ops/$op/migration")"; fi
        return 1
    fi
    if [ $code != 0 ]; then
        because migration "its migration ended with exit code $code"
        [ $code != 124 ] || because migration "its migration did not end within $p_migrate_within s, and was ended"
        evidence_of "$ops/$op/migration"
        return 1
    fi
    [ -s "$release_folder/migrated" ] || { date >"$release_folder/migrated" && settle_disk "$release_folder/migrated"; }
}

# Takes the lock on descriptor 8, which a migration holds for as long as it runs, also when whoever began it is gone.
await_migration() {
    ! flock -n 8 || return 0
    say note "waiting for a migration that was begun before"
    ends=$(($(uptime_of) + p_migrate_within + 10))
    until flock -n 8; do
        renew
        ! is_unwanted || { because interrupted "it was interrupted"; return 1; }
        [ "$(uptime_of)" -lt $ends ] || { because driver "a migration that was begun before has not ended"; return 1; }
        sleep 0.2
    done
}

do_start() { driver_start "$p_slot" || { because not_started "it could not be started"; return 1; }; }

do_gate() {
    gate "$p_slot" "$p_port" && return
    driver_log "$p_slot" 20 >"$ops/$op/evidence" 2>/dev/null
    evidence_of "$ops/$op/evidence"
    return 1
}

evidence_of() {
    tail -n 20 "$1" | tr -d '\000-\010\013-\037' | grep -v '^[[:space:]]*$' | while IFS= read -r line; do say evidence "$line"; done
}

# The commit point: visitors are sent to the release, in one rename, and the old one stays as long as it is baked.
do_flip() {
    alone
    is_ours || { together; stale; }
    old=$(active)
    if [ "$old" != "$p_slot" ] || [ "$(line_of "$base/serving")" != "$p_release" ]; then
        # All that the way back takes is there before anything is changed.
        if [ ! -e "$ops/$op/was" ]; then
            [ ! -e "$base/serving" ] || ln -f "$base/serving" "$ops/$op/serving.was" 2>/dev/null
            write "$ops/$op/was" 640 '%s\n%s\n' "$old" "$(line_of "$base/serving")" ||
                { together; because disk "the switch cannot be written"; return 1; }
        fi
        if [ -n "$old" ] && [ "$old" != "$p_slot" ] && [ "$p_bake" -gt 0 ]; then true >"$base/active/bake"; fi
        # What cannot be written ends a shell at a `:`.
        true >"$ops/$op/flipping" && send_to "$p_slot" "$p_release" ||
            { rm -f "$base/active/bake"; together; because disk "the switch cannot be written"; return 1; }
    fi
    true >>"$ops/$op/flipping" && mv -f "$ops/$op/flipping" "$ops/$op/flipped" && settle_disk "$ops/$op"
    together
    driver_keep "$p_slot"
    audit flip "$(was_slot)" "$p_slot" "${p_forced:-ok}"
    say flipped "$p_slot"
}

was_slot() { line_of "$ops/$op/was"; }

# Sends visitors to a slot. What is in the flags decides, also after a reboot. All that takes room is written before
# anything is changed; the name of the release before is there already.
send_to() {
    { echo "$2" >"$base/serving.new" ||
        { [ "$(line_of "$ops/$op/serving.was")" = "$2" ] && ln -f "$ops/$op/serving.was" "$base/serving.new"; }; } &&
        settle_disk "$base/serving.new" && case $1 in
    green) true >"$base/active/green.new" && mv -f "$base/active/green.new" "$base/active/green" ;;
    blue) rm -f "$base/active/green" ;;
    esac && mv -f "$base/serving.new" "$base/serving" && { [ ! -e "$base/stopped" ] || rm -f "$base/stopped"; } &&
        settle_disk "$base/active"
}

# The old release finishes its requests. Where nobody can count them, it gets ten seconds.
do_drain() {
    old=$(was_slot)
    if [ -z "$old" ] || [ "$old" = "$p_slot" ]; then return 0; fi
    ends=$(($(uptime_of) + p_drain))
    port=$(line_of "$base/slots/$old/port")
    count=$(caddy_in_flight "$root" "$port")
    if [ "$count" = unknown ]; then
        say warning "nobody can say how many requests the old release still answers: it gets 10 s"
        [ "$p_drain" -le 10 ] || ends=$(($(uptime_of) + 10))
    fi
    while [ "$count" != 0 ] && [ "$(uptime_of)" -lt $ends ]; do
        renew
        sleep 0.2
        [ "$count" = unknown ] || count=$(caddy_in_flight "$root" "$port")
    done
    case $count in 0 | unknown) ;; *) say cut "$count" ;; esac
}

# The release before is not fallen back upon any more.
end_bake() { [ ! -e "$base/active/bake" ] || rm -f "$base/active/bake"; }

# Watches the release serve while the one before still runs, and goes back to it when it is not well.
do_bake() {
    old=$(was_slot)
    if [ -z "$old" ] || [ "$old" = "$p_slot" ]; then end_bake; return 0; fi
    look_at "$p_slot"
    first=$instance
    ends=$(($(uptime_of) + p_bake))
    bad=0
    while [ "$(uptime_of)" -lt $ends ]; do
        renew
        [ ! -e "$ops/$op/recall" ] || { because recalled "$(line_of "$ops/$op/recall") called it back"; return 1; }
        look_at "$p_slot"
        if [ "$state" != running ] || [ "$instance" != "$first" ]; then ended; return 1; fi
        ask "$p_port"
        case $?:$status in 0:$p_expect) bad=0 ;; *) bad=$((bad + 1)) ;; esac
        [ $bad -lt 3 ] || { because unwell "it answered three times in a row with ${status:-nothing} after visitors were sent to it"; return 1; }
        sleep 0.3
    done
    end_bake
}

do_retire() {
    end_bake
    old=$(was_slot)
    if [ -n "$old" ] && [ "$old" != "$p_slot" ]; then driver_stop "$old" || return 1; fi
    conclude
}

# Notes that the release is good.
conclude() { write "$release_folder/STATUS" 640 'good\n'; }

# Removes releases nobody goes back to. Only what a manifest of ours names is touched.
do_prune() {
    serving=$(line_of "$base/serving")
    good=0
    for folder in $(ls -1dt "$base"/releases/*/ 2>/dev/null); do
        folder=${folder%/}
        id=${folder##*/}
        [ -e "$folder/manifest" ] || continue
        [ "$id" != "$serving" ] && [ "$id" != "$p_release" ] || continue
        if [ "$(line_of "$folder/STATUS")" = good ]; then
            good=$((good + 1))
            [ $good -gt "$p_keep" ] || continue
        elif [ -z "$(line_of "$folder/STATUS")" ] && working_on "$id"; then
            continue
        fi
        driver_forget "$id"
        rm -rf "$folder" && say pruned "$id"
    done
    # Operations are told of in the audit; the folders of old ones go.
    for folder in $(ls -1dt "$ops"/*/ 2>/dev/null | tail -n +21); do working "$(basename "$folder")" || rm -rf "$folder"; done
    [ ! -d "$root/blobs" ] || find "$root/blobs" -maxdepth 1 -type f -mmin +1440 -exec rm -f {} +
}

# An operation that goes on builds or starts that release.
working_on() {
    for plan in "$ops"/*/plan; do
        grep -qxF "p_release='$1'" "$plan" 2>/dev/null && working "$(basename "${plan%/plan}")" && return
    done
    # Builds need no lease; a young one may be somebody's.
    [ -n "$(find "$base/releases/$1" -maxdepth 0 -mmin -60)" ]
}

do_unlease() {
    alone
    if is_ours; then rm -f "$base/lease"; settle_disk "$base"; fi
    together
}

# The release before is there to go back to.
has_before() {
    old=$(was_slot)
    was=$(sed -n 2p "$ops/$op/was" 2>/dev/null)
    [ -n "$old" ] && [ "$old" != "$p_slot" ] && [ "$(line_of "$base/slots/$old/release")" = "$was" ] &&
        [ -e "$base/releases/$was/complete" ]
}

# Sends visitors back to the release before, which still runs, or is started anew where a reboot has ended it.
revert() {
    old=$(was_slot)
    alone
    is_ours || { together; stale; }
    if [ -z "$old" ]; then
        # Nothing served before.
        rm -f "$base/serving" "$base/active/green"
    else
        look_at "$old"
        [ "$state" = running ] || driver_start "$old" ||
            { together; say cause before "$cause; the release before cannot be started"; return 1; }
        # Where that cannot be written the release serves on, whatever it is.
        send_to "$old" "$(sed -n 2p "$ops/$op/was")" ||
            { together; say cause disk "$cause; going back cannot be written"; return 1; }
        driver_keep "$old"
    fi
    rm -f "$base/active/bake" "$ops/$op/flipped" "$ops/$op/flipping"
    together
    [ "$cause_kind" = elsewhere ] || write "$release_folder/STATUS" 640 'bad\n%s\n' "$cause"
    audit revert "$p_slot" "$old" "$cause"
    driver_stop "$p_slot"
    say reverted "$old"
}

# Visitors were sent to the release, and it is not well: they go back to the one before, where there is one.
go_back() {
    has_before || { say cause "$cause_kind" "$cause; there is no release to go back to"; exit 10; }
    revert || exit 10
    do_unlease
    exit 7
}

# Takes the candidate away again; what served serves on. Only where the application is ours.
undo() {
    is_ours || return 0
    mark undo intent
    rm -f "$base/active/bake"
    if [ "$(active)" != "$p_slot" ]; then driver_stop "$p_slot"; rm -f "$base/slots/$p_slot/generation"; fi
    case ${cause_kind:-} in
    '' | interrupted | taken | serves | driver | elsewhere | disk) ;;
    *) write "$release_folder/STATUS" 640 'bad\n%s\n' "$cause" ;;
    esac
    audit undo "$p_release" "$(line_of "$base/serving")" "${cause:-interrupted}"
    mark undo done
    do_unlease
}

# The exit code of a phase that came to nothing, by the cause.
code_of() {
    case $cause_kind in
    migration | build) echo 1 ;;
    taken | disk | driver) echo 9 ;;
    interrupted) echo 130 ;;
    serves) echo 20 ;;
    *) echo 6 ;;
    esac
}

step() {
    if is_unwanted; then cause_kind=interrupted cause="it was interrupted"; return 1; fi
    [ "$1" = lease ] || [ "$1" = build ] || renew
    noted "$1" intent || return 1
    cause_kind= cause=
    if "do_$1"; then noted "$1" done; return; fi
    # Once the release serves the work goes on, in the room that was kept.
    case $1 in
    retire | prune | unlease) if make_room && "do_$1"; then noted "$1" done; return; fi ;;
    esac
    [ -n "$cause_kind" ] || { cause_kind=failed cause="the step $1 failed"; }
    # What fails for want of room says so in many ways, and is no fault of the release.
    case $1:$cause_kind in
    bake:* | *:taken | *:serves | *:driver | *:interrupted) ;;
    *) ! refused=$(disk_refuses) || { cause_kind=disk cause="$refused: $cause"; } ;;
    esac
    mark "$1" failed "$cause" || { make_room && mark "$1" failed "$cause"; }
    # The rest of it is for what is told and taken back.
    make_room
    return 1
}

# A line of the journal, for which there is room.
noted() {
    mark "$1" "$2" || { make_room && mark "$1" "$2"; } || {
        cause_kind=disk cause="the journal cannot be written"
        ! refused=$(disk_refuses) || cause="$refused: $cause"
        return 1
    }
}

failed() { say cause "$cause_kind" "$cause"; }
trap 'cause_kind=interrupted; echo "$p_step" >"$ops/$op/cancel"' TERM INT HUP

# Without what runs releases nothing can be said of them, and nothing is done.
said=$(driver_check 2>&1) || {
    say cause driver "it has no $said"
    case $4 in finish) exit 10 ;; *) exit 9 ;; esac
}

# Without room for what it has to tell nothing is begun that can wait.
case $has_room$4 in
yes* | finish | back) ;;
*)
    cause_kind=disk cause=$(disk_refuses || echo "the disk has no room for the journal")
    failed
    ! is_sent || exit 10
    undo
    exit 9
    ;;
esac

case $4 in
lease)
    # Of several hosts each is taken before anything is begun on one of them.
    step lease || { failed; code=$(code_of); do_unlease; exit "$code"; }
    ;;
build)
    # Needs no lease: what it makes has names of its own.
    step build || {
        failed
        # Half of a release only takes room.
        if [ "$cause_kind" != disk ]; then write "$release_folder/STATUS" 640 'bad\n%s\n' "$cause"
        elif [ ! -e "$release_folder/complete" ]; then rm -rf "$release_folder"; fi
        exit "$(code_of)"
    }
    ;;
stage)
    for name in lease prepare migrate start gate; do
        step $name || { failed; code=$(code_of); undo; exit "$code"; }
    done
    ;;
switch)
    # The lease may have run out meanwhile; what was staged may have ended.
    for name in lease start gate; do
        step $name || {
            failed
            code=$(code_of)
            is_sent || { undo; exit "$code"; }
            # It was switched to before somebody was killed, and does not run any more.
            case $code in
            6) go_back ;;
            9) exit 10 ;;
            *) exit "$code" ;;
            esac
        }
    done
    # Once visitors were sent to it there is no way back but forward.
    step flip || { failed; code=$(code_of); ! is_sent || exit 10; undo; exit "$code"; }
    step drain
    step bake || {
        failed
        # That it cannot be written down says nothing about the release, which serves.
        [ "$cause_kind" != disk ] || exit 10
        go_back
    }
    ;;
back)
    # On another host it came to nothing: everywhere serves again what served before.
    step lease || { failed; exit "$(code_of)"; }
    cause_kind=elsewhere cause="it came to nothing on another server"
    if is_sent; then
        revert || exit 10
        do_unlease
    else
        undo
    fi
    # Taken up again, the deployment begins anew here.
    for name in lease stage switch finish; do rm -rf "$ops/$op/steps/$name"-*; done
    ;;
finish)
    for name in lease retire prune unlease; do step $name || { failed; exit 10; }; done
    ;;
esac
exit 0

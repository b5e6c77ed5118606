# What every script of the engine knows: where things are, how they are written, the journal, the lease.
# Given: root, app, op.
umask 027
base=$root/apps/$app/production
ops=$base/ops
tab=$(printf '\t')
read -r boot_id </proc/sys/kernel/random/boot_id

line_of() { if [ -r "$1" ]; then IFS= read -r got <"$1"; printf '%s' "$got"; fi; }

# Which driver: the one it was deployed with, else the one that is wanted, else what the machine has.
driver=$(line_of "$base/driver")
[ -n "$driver" ] || driver=$wanted
if [ -z "$driver" ]; then
    driver=process
    if [ -d /run/systemd/system ] && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then driver=systemd; fi
fi

# A line for the one who reads the log. Its fields hold neither tabs nor line ends.
say() {
    line=@$1
    shift
    for field; do
        case $field in *[[:cntrl:]]*) field=$(printf '%s' "$field" | tr '\t\n\r' '   ') ;; esac
        line=$line$tab$field
    done
    printf '%s\n' "$line"
}

settle_disk() { sync "$@" 2>/dev/null || sync; }

# What printf makes of the rest becomes the file $1.new of mode $2. A shell that asks no other program is as fast as it gets.
draft() {
    draft=$1.new mode=$2
    shift 2
    [ "$mode" != 600 ] || umask 077
    printf "$@" >"$draft"
    drafted=$?
    umask 027
    [ $drafted = 0 ] && case $mode in 6?0) ;; *) chmod "$mode" "$draft" ;; esac
}

# What printf makes of the rest becomes the file $1 of mode $2, wholly or not at all, on the disk once that is settled.
put() { draft "$@" && mv -f "$1.new" "$1" || { rm -f "$1.new"; return 1; }; }

# The same, on the disk when this has ended.
write() {
    draft "$@" && settle_disk "$1.new" && mv -f "$1.new" "$1" && settle_disk "${1%/*}" || { rm -f "$1.new"; return 1; }
}

# What keeps the disk from taking anything more, in words; fails when nothing does.
disk_refuses() {
    at=$base
    while [ ! -d "$at" ]; do at=${at%/*}; [ -n "$at" ] || at=/; done
    # Root may write everywhere else.
    if [ ! -w "$at" ]; then
        if [ "$(id -u)" = 0 ]; then echo "the file system of $at is read-only"; else echo "$at cannot be written to"; fi
        return
    fi
    # Some file systems count no files.
    left=$(df -Pi "$at" | awk 'NR > 1 && $2 > 0 { print $4 }')
    if [ "$left" = 0 ]; then echo "the disk has no room for another file (inodes)"; return; fi
    left=$(df -Pk "$at" | awk 'NR > 1 { print $4 }')
    [ "${left:-64}" -lt 64 ] || return 1
    echo "the disk is full ($left KB left)"
}

# What time it is, in $now. The clock is asked once a second.
asked=
clock() {
    tick
    [ "$up" = "$asked" ] || { now=$(date -u +%Y-%m-%dT%H:%M:%SZ); asked=$up; }
}

# The process that file $1 names still lives; its number is in $alive. When it was started, and since which boot the
# machine runs, tells it from a later one of that number.
lives() {
    [ -r "$1" ] && read -r alive start boot _ <"$1" && [ "$boot" = "$boot_id" ] && read -r stat <"/proc/$alive/stat" || return 1
    set -- ${stat##*) }
    [ "$1" != Z ] && [ "${20}" = "$start" ]
} 2>/dev/null

# What $1 is within a string of JSON, in $text.
as_json() {
    case $1 in
    *[[:cntrl:]\"\\]*) text=$(printf '%s' "$1" | tr '\n\t\r' '   ' | sed 's/[\\"]/\\&/g' | tr -d '\000-\037') ;;
    *) text=$1 ;;
    esac
}

# A line of the operation's journal, on the disk: `mark STEP intent|done|failed [WHAT]`.
mark() {
    clock
    as_json "${3:-}"
    printf '{"step":"%s","mark":"%s","at":"%s","what":"%s"}\n' "$1" "$2" "$now" "$text" >>"$ops/$op/journal" &&
        settle_disk "$ops/$op/journal" || return 1
    say mark "$1" "$2" "${3:-}"
}

# What happened on this host, each line bound to the one before by its sum: `audit ACTION FROM TO RESULT`. One at a time;
# after a line that was cut off, by a full disk or a power cut, the next one begins on its own.
audit() {
    (
        flock 4
        [ -z "$(tail -c 1 "$base/audit.jsonl" 2>/dev/null)" ] || echo >>"$base/audit.jsonl" || exit 1
        before=$(tail -n 1 "$base/audit.jsonl" 2>/dev/null | sha256sum)
        clock
        as_json "${p_owner:-}"
        line="{\"ts\":\"$now\",\"actor\":\"$text\",\"op\":\"$op\",\"action\":\"$1\""
        as_json "$2"
        line="$line,\"from\":\"$text\""
        as_json "$3"
        line="$line,\"to\":\"$text\""
        as_json "$4"
        printf '%s\n' "$line,\"result\":\"$text\",\"before\":\"${before%% *}\"}" >>"$base/audit.jsonl"
    ) 4>>"$base/audit.lock"
}

# --- The version of all that is kept here. What a newer cgo keeps is read, and never changed.
format=1
is_ours_to_change() {
    kept=$(line_of "$base/format")
    case $kept in *[!0-9]*) kept=0 ;; esac
    [ "${kept:-$format}" -gt $format ] || return 0
    newer="a newer cgo keeps it there, in format $kept; this one knows format $format"
    return 1
}

# --- The lease: who may change the application. Times are seconds since the host booted, by no other clock.
ttl=60

read_lease() {
    l_op= l_owner= l_purpose= l_expires=0 l_boot= l_fence=0 l_since=
    while IFS="$tab" read -r key value; do
        case $key in
        op) l_op=$value ;; owner) l_owner=$value ;; purpose) l_purpose=$value ;; expires) l_expires=$value ;;
        boot) l_boot=$value ;; fence) l_fence=$value ;; since) l_since=$value ;;
        esac
    done 2>/dev/null <"$base/lease"
    [ -n "$l_op" ]
}

# Writes the lease: `write_lease OP OWNER PURPOSE FENCE SINCE SECONDS|never`.
write_lease() {
    tick
    case $6 in never) until=never ;; *) until=$((up + $6)) ;; esac
    write "$base/lease" 640 'op\t%s\nowner\t%s\npurpose\t%s\nfence\t%s\nsince\t%s\nexpires\t%s\nboot\t%s\n' \
        "$1" "$2" "$3" "$4" "$5" "$until" "$boot_id"
}

# The lease that was read counts: it is held for good, or its time is not over, or its work goes on.
lease_counts() {
    [ "$l_expires" = never ] && return
    tick
    [ "$l_boot" = "$boot_id" ] && [ "$l_expires" -gt "$up" ] && return
    working "$l_op"
}

# A script works for operation $1.
working() {
    [ -e "$ops/$1/running" ] || return 1
    ! flock -n "$ops/$1/running" true
}

# One at a time, and briefly: lease, flags and slots change under this lock only.
alone() { exec 7>>"$base/lock" && flock 7; }
together() { exec 7>&-; }

# The fence of the operation is the newest: nobody took the application over. Under the lock.
is_ours() {
    read_lease && [ "$l_op" = "$op" ] && [ "$l_fence" = "$(line_of "$ops/$op/fence")" ]
}

renewed=0
# Keeps the lease while work goes on; ends the work when it is gone.
renew() {
    tick
    [ $((up - renewed)) -ge 15 ] || return 0
    alone
    is_ours || { together; stale; }
    write_lease "$op" "$l_owner" "$l_purpose" "$l_fence" "$l_since" $ttl
    together
    tick
    renewed=$up
}

stale() {
    read_lease
    say stale "$l_op" "$l_owner" "$l_purpose"
    exit 20
}

held() {
    tick
    case $l_expires in never) left=never ;; *) left=$((l_expires - up)); [ $left -ge 0 ] || left=0 ;; esac
    say held "$l_op" "$l_owner" "$l_purpose" "$left" "$l_since"
}

# --- What serves.
# The slot that visitors are sent to; nothing before the first release served.
active() {
    [ -e "$base/serving" ] || return 0
    if [ -e "$base/active/green" ]; then echo green; else echo blue; fi
}

other() { case $1 in blue) echo green ;; *) echo blue ;; esac; }

oom_kills() { while read -r key value; do if [ "$key" = oom_kill ]; then echo "$value"; return; fi; done </proc/vmstat; echo 0; }

# The kernel has killed something for lack of memory since what runs in the slot's folder $1 was begun.
lacked_memory() { [ "$(oom_kills)" -gt "$(cat "$1/oom" 2>/dev/null || echo 999999)" ]; }

# Addresses among the sockets $1 (inodes; empty: all) in the tables of folder $2.
listening_of() {
    awk -v want=" $1 " '
    function dec(hex,  i, n) { n = 0; for (i = 1; i <= length(hex); i++) n = n * 16 + index("0123456789ABCDEF", toupper(substr(hex, i, 1))) - 1; return n }
    $4 == "0A" && (want == "  " || index(want, " " $10 " ")) {
        split($2, part, ":"); port = dec(part[2])
        if (length(part[1]) == 8) printf "%d.%d.%d.%d:%d\n", dec(substr(part[1], 7, 2)), dec(substr(part[1], 5, 2)), dec(substr(part[1], 3, 2)), dec(substr(part[1], 1, 2)), port
        else if (part[1] ~ /^0+$/) printf "[::]:%d\n", port
        else if (part[1] == "00000000000000000000000001000000") printf "[::1]:%d\n", port
        else printf "[ipv6]:%d\n", port
    }' "$2/tcp" "$2/tcp6" 2>/dev/null
}

# Addresses that anything on this machine listens on. The kernel goes through its whole table of sockets for whoever reads
# it; `ss` asks for those that listen.
listening() {
    if sockets=$(ss -Hltn 2>/dev/null); then printf '%s\n' "$sockets" | awk 'NF { print $4 }'
    else listening_of "" /proc/net; fi
}

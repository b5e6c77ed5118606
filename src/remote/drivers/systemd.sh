# Releases as services of systemd: one unit for each slot, hardened, its variables a credential that only it can read.
# Needs root, or sudo without a password.

# Locks of ours are not handed on.
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; } 5>&- 6>&- 7>&- 8>&- 9>&-
unit_of() { echo "cgo-$app-production@$1.service"; }
# What bounds the log of a slot: systemd writes to a file as long as there is room.
log_unit_of() { echo "cgo-$app-production-log@$1.service"; }
units=/etc/systemd/system

driver_check() {
    [ -d /run/systemd/system ] || { echo "systemd that runs the machine"; return 1; }
    as_root true 2>/dev/null || { echo "root's rights (sudo -n is refused)"; return 1; }
    command -v python3 >/dev/null || { echo "python3"; return 1; }
}

# Writes the units, and has systemd read them where they are new. `%i` is the slot.
driver_install() {
    unit="[Unit]
Description=$app (%i), deployed by cgo
After=network-online.target
Wants=network-online.target $(log_unit_of %i)
StartLimitIntervalSec=600
StartLimitBurst=5

[Service]
Type=exec
User=$(id -un)
WorkingDirectory=$base
LoadCredential=env:$base/slots/%i/env
LoadCredential=launch:$base/slots/%i/launch
ExecStart=/bin/sh $base/enter %i
Restart=on-failure
RestartSec=1
TimeoutStopSec=$p_stop_after
KillMode=mixed
StandardOutput=append:$base/slots/%i/log
StandardError=append:$base/slots/%i/log
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=read-only
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
LockPersonality=yes
CapabilityBoundingSet=
SystemCallArchitectures=native
ReadWritePaths=$base/shared
UMask=0027
MemoryMax=${p_memory_mb:-512}M
TasksMax=512

[Install]
WantedBy=multi-user.target"
    log_unit="[Unit]
Description=the log of $app (%i), kept small by cgo
PartOf=$(unit_of %i)

[Service]
Type=exec
User=$(id -un)
ExecStart=/bin/sh $root/bin/keep --bound $base/slots/%i
Restart=on-failure
NoNewPrivileges=yes
PrivateNetwork=yes
ProtectSystem=strict
ReadWritePaths=$base/slots
CapabilityBoundingSet=
UMask=0027"
    install_keeper || return 1
    printf '%s\n' "$ENTER" | cmp -s - "$base/enter" || write "$base/enter" 750 '%s\n' "$ENTER" || return 1
    is_new=
    unit_is "$(unit_of "")" "$unit" && unit_is "$(log_unit_of "")" "$log_unit" || return 1
    [ -z "$is_new" ] || as_root systemctl daemon-reload
}

# Has the unit $1 be the text $2; whether it was another one is in $is_new.
unit_is() {
    file=$units/$1
    ! printf '%s\n' "$2" | cmp -s - "$file" || return 0
    is_new=yes
    printf '%s\n' "$2" >"$base/unit.new" && as_root cp "$base/unit.new" "$file.new" && as_root mv -f "$file.new" "$file"
    code=$?
    rm -f "$base/unit.new"
    return $code
}

# Runs in the unit: the credentials are where systemd says, whatever the project sets.
ENTER='slot=$1
IFS= read -r release <"'$base'/slots/$slot/release_folder"
PATH=$release/environment/bin:/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8
export PATH LANG
given=$CREDENTIALS_DIRECTORY
python=$(PATH=/usr/local/bin:/usr/bin:/bin:$PATH; command -v python3)
. "$given/launch"
cd "$dir" && exec "$python" -ISB -c '"'$WITH_VALUES'"' "$given/env" "$@"'

driver_start() {
    unit=$(unit_of "$1")
    s=$base/slots/$1
    if as_root systemctl is-active --quiet "$unit" && [ "$(line_of "$s/generation")" = "$(line_of "$s/kept")" ]; then return 0; fi
    driver_stop "$1" || return 1
    : >>"$s/log"
    wc -c <"$s/log" >"$s/log.from"
    cp "$s/generation" "$s/kept"
    as_root systemctl reset-failed "$unit" 2>/dev/null
    as_root systemctl start "$unit" || { as_root systemctl status --no-pager "$unit"; return 1; }
}

# At boot the slot that serves is started, and only that.
driver_keep() {
    as_root systemctl enable --quiet "$(unit_of "$1")"
}

driver_state() {
    # One question; its answers come in an order of their own.
    state= result= pid= status= restarts=
    while IFS='=' read -r key value; do
        case $key in
        ActiveState) state=$value ;; Result) result=$value ;; MainPID) pid=$value ;;
        ExecMainStatus) status=$value ;; NRestarts) restarts=$value ;; MemoryMax) limit=$value ;; ExecMainCode) sort=$value ;;
        esac
    done <<SHOW
$(as_root systemctl show -p ActiveState,Result,MainPID,ExecMainStatus,ExecMainCode,NRestarts,MemoryMax "$(unit_of "$1")" 2>/dev/null)
SHOW
    case $result in
    oom-kill) printf 'oom\t\t%s bytes' "$limit"; return ;;
    esac
    case $state in
    active) if [ "${restarts:-0}" = 0 ]; then printf 'running\t%s\t0' "$pid"; else printf 'running\t%s-%s\t%s' "$pid" "$restarts" "$restarts"; fi ;;
    activating | failed | deactivating)
        case $sort in
        2 | 3) printf 'exited\t\tsignal %s' "$status" ;;
        *) printf 'exited\t\texit code %s' "$status" ;;
        esac
        ;;
    *) printf 'stopped\t\t' ;;
    esac
}

driver_stop() {
    unit=$(unit_of "$1")
    [ -e "$units/cgo-$app-production@.service" ] || return 0
    as_root systemctl disable --quiet "$unit" 2>/dev/null
    as_root systemctl stop "$unit" || return 1
    if [ "$(as_root systemctl show -p Result --value "$unit")" = timeout ]; then
        say warning "the release in slot $1 did not end within $(line_of "$base/slots/$1/stop_after") s of SIGTERM and was killed"
    fi
    as_root systemctl reset-failed "$unit" 2>/dev/null
    return 0
}

driver_log() {
    from=$(cat "$base/slots/$1/log.from" 2>/dev/null || echo 0)
    tail -c "+$((from + 1))" "$base/slots/$1/log" 2>/dev/null | tail -n "$2"
}
driver_log_from() { driver_log "$1" 1000000 | wc -l; }

# Address and port of each socket that the processes of a slot listen on.
driver_listeners() {
    inodes=
    group=$(as_root systemctl show -p ControlGroup --value "$(unit_of "$1")")
    for pid in $(as_root cat "/sys/fs/cgroup$group/cgroup.procs" 2>/dev/null); do
        for fd in $(as_root ls -l "/proc/$pid/fd" 2>/dev/null | sed -n 's/.*socket:\[\([0-9]*\)\]$/\1/p'); do inodes="$inodes $fd"; done
    done
    [ -n "$inodes" ] || return 0
    listening_of "$inodes" /proc/net
}

# Everything the application has beside its folder.
driver_remove() {
    as_root rm -f "$units/$(unit_of "")" "$units/$(log_unit_of "")" && as_root systemctl daemon-reload
}

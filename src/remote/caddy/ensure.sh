# Has Caddy run by our configuration. `$2` the configuration, `$3` what keeps Caddy running where systemd does not. Says
# `changed WHAT` for each change. Comes to the same twice.
trap '' HUP PIPE
umask 077
command -v caddy >/dev/null || exit 64
[ "${#admin}" -lt 100 ] || { echo "the path of its socket is too long: $admin" >&2; exit 1; }

# A folder with an owner and a mode.
folder() {
    [ -d "$1" ] || { mkdir -p "$1" && echo "changed made $1"; } || exit 1
    [ -z "$account" ] || [ "$(stat -c %U:%G "$1")" = "$3" ] || { chown "$3" "$1" && echo "changed the owner of $1"; } || exit 1
    [ "$(stat -c %a "$1")" = "$2" ] || { chmod "$2" "$1" && echo "changed the mode of $1"; } || exit 1
}
# A file with its content `$2`, whole or as it was; 1 when nothing had to be done.
written() {
    if [ -f "$1" ] && [ "$(cat "$1"; echo x)" = "$2
x" ]; then return 1; fi
    { printf '%s\n' "$2" >"$1.new" && chmod "$3" "$1.new"; } || { rm -f "$1.new"; exit 1; }
    synced "$1.new"
    mv -f "$1.new" "$1" || exit 1
    echo "changed wrote $1"
}

[ -d "$1" ] || mkdir -p "$1" || exit 1
passable "$1" || exit 1
folder "$caddy" 710 "root:$account"
folder "$caddy/sites.d" 750 "root:$account"
folder "$caddy/data" 700 "$account:$(id -gn "${account:-root}")"
folder "$caddy/run" 700 "$account:$(id -gn "${account:-root}")"
alone

systemd=
if [ -d /run/systemd/system ] && [ "$(id -u)" = 0 ] &&
    [ "$(systemctl show --property LoadState --value caddy.service)" = loaded ]; then systemd=yes; fi
unit=/etc/systemd/system/caddy.service.d/cgo.conf
if [ -n "$systemd" ] && [ ! -e "$unit" ] && [ -f /etc/caddy/Caddyfile ] &&
    systemctl --quiet is-active caddy.service && command -v dpkg-query >/dev/null; then
    packed=$(dpkg-query --show --showformat='${Conffiles}' caddy 2>/dev/null | awk '$1 == "/etc/caddy/Caddyfile" { print $2 }')
    [ -z "$packed" ] || [ "$(md5sum </etc/caddy/Caddyfile)" = "$packed  -" ] || exit 66
fi

new=
if [ ! -f "$caddy/Caddyfile" ] || [ "$(cat "$caddy/Caddyfile"; echo x)" != "$2
x" ]; then new=yes; fi
if [ -n "$new" ]; then
    candidate
    printf '%s\n' "$2" >"$caddy/next/Caddyfile" || leave 1
    judged
    if answers; then loaded; fi
    { printf '%s\n' "$2" >"$caddy/Caddyfile.new" && chmod 0640 "$caddy/Caddyfile.new" &&
        { [ -z "$account" ] || chgrp "$account" "$caddy/Caddyfile.new"; }; } || { rm -f "$caddy/Caddyfile.new"; leave 1; }
    synced "$caddy/Caddyfile.new"
    mv -f "$caddy/Caddyfile.new" "$caddy/Caddyfile" || leave 1
    mkdir -p "$caddy/last-good" || leave 1
    settled
    echo "changed wrote $caddy/Caddyfile"
fi

program=$(command -v caddy)
if [ -n "$systemd" ]; then
    mkdir -p "${unit%/*}" && chmod 755 "${unit%/*}" || exit 1
    if written "$unit" "# Written by cgo.
[Service]
Environment=HOME=$caddy/data XDG_DATA_HOME=$caddy/data XDG_CONFIG_HOME=$caddy/data
ExecStartPre=-/bin/rm -f $admin
ExecStart=
ExecStart=$program run --environ --config $caddy/Caddyfile --adapter caddyfile
ExecReload=
ExecReload=$program reload --config $caddy/Caddyfile --adapter caddyfile --address unix/$admin --force
Restart=always
RestartSec=1" 644; then
        systemctl daemon-reload && systemctl --quiet enable caddy.service && systemctl restart caddy.service 9>&- || exit 74
        echo 'changed restarted caddy.service'
    elif ! systemctl --quiet is-active caddy.service; then
        systemctl --quiet enable caddy.service && systemctl start caddy.service 9>&- || exit 74
        echo 'changed started caddy.service'
    fi
else
    written "$caddy/supervise" "$3" 700
    # It holds this lock for as long as it lives.
    if (exec 8>>"$caddy/supervisor.lock" && flock -n 8); then
        setsid sh "$caddy/supervise" "$1" </dev/null >/dev/null 2>&1 9>&- &
        echo 'changed started Caddy'
    fi
    line="@reboot sh '$caddy/supervise' '$1'"
    # What cannot be read is not taken for nothing.
    others() { lines=$(crontab -l 2>&1) || case $lines in *"no crontab"*) lines= ;; *) return 1 ;; esac; }
    if command -v crontab >/dev/null && others && ! printf '%s\n' "$lines" | grep -qxF "$line"; then
        printf '%s\n' "$lines" "$line" | sed '/./,$!d' | crontab - || exit 1
        echo 'changed has it started with the machine'
    fi
fi
waited=0
until answers; do
    waited=$((waited+1))
    if [ "$waited" -ge 300 ]; then
        if [ -n "$systemd" ]; then journalctl --unit caddy --lines 10 --output cat >&2
        else tail -n 10 "$caddy/supervisor.log" >&2; fi
        exit 74
    fi
    sleep 0.1 2>/dev/null || { sleep 1; waited=$((waited+9)); }
done

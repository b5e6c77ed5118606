# What every script about Caddy has. Sets `caddy`, our folder of it, and `account`, whom Caddy runs as; empty for
# whoever runs this. `$1` the root folder of projects.

caddy=$1/caddy
admin=$caddy/run/admin.sock
account=
if [ "$(id -u)" = 0 ] && group=$(id -g caddy 2>/dev/null) && command -v setpriv >/dev/null 2>&1; then account=caddy; fi

# Runs a program as Caddy runs.
as_caddy() {
    if [ -n "$account" ]; then
        set -- setpriv "--reuid=$account" "--regid=$group" --init-groups "$@"
    fi
    # What it would keep below a home goes where all of it is.
    HOME=$caddy/data XDG_DATA_HOME=$caddy/data XDG_CONFIG_HOME=$caddy/data "$@"
}

# One change at a time: a lock that ends with the script.
alone() {
    exec 9>>"$caddy/lock" || exit 1
    waited=0
    until flock -n 9; do
        [ "$waited" -lt 600 ] || exit 75
        sleep 0.1 2>/dev/null || { sleep 1; waited=$((waited+9)); }
        waited=$((waited+1))
    done
}

# `$1` a path, on the disk.
synced() { sync "$1" 2>/dev/null || sync; }

# Lets Caddy go through folders, which are made where they are missing, and named from the outermost on. Others gain
# nothing.
passable() {
    for folder; do
        [ -d "$folder" ] || { mkdir "$folder" && chmod 0710 "$folder" && echo "changed made $folder"; } || return 1
    done
    # Who gets into all of them need not be let into each.
    [ -n "$account" ] && ! as_caddy sh -c 'for folder; do [ -x "$folder" ] || exit 1; done' passable "$@" || return 0
    for folder; do
        as_caddy test -x "$folder" ||
            { chgrp "$account" "$folder" && chmod g+x "$folder" && echo "changed let Caddy into $folder"; } || return 1
    done
}

# Whether Caddy answers. Where nothing can ask it, whether it is there.
answers() {
    caddy_get "$admin" /config/ "" >/dev/null
    case $? in 0) return 0 ;; 127) [ -S "$admin" ] ;; *) return 1 ;; esac
}

# Prints what Caddy said when it failed: its last word where it has one.
reason() {
    grep '^Error: ' "$1" >&2 || tail -n 5 "$1" >&2
}

# Leaves with a code, and nothing half done behind.
leave() {
    rm -rf "$caddy/next"
    exit "$1"
}

# Copies what is configured now to a folder beside it, to be changed there.
candidate() {
    rm -rf "$caddy/next" && mkdir "$caddy/next" "$caddy/next/sites.d" || leave 1
    for one in "$caddy/Caddyfile" "$caddy"/sites.d/*.caddy; do
        [ ! -f "$one" ] || cp "$one" "$caddy/next${one#"$caddy"}" || leave 1
    done
}

# Has the candidate judged: it is parsed, and everything in it set up, without a socket being opened.
judged() {
    [ -z "$account" ] || chgrp -R "$account" "$caddy/next" || leave 1
    chmod -R u=rwX,g=rX,o= "$caddy/next" || leave 1
    as_caddy caddy adapt --config "$caddy/next/Caddyfile" --adapter caddyfile --validate \
        >"$caddy/next/config.json" 2>"$caddy/next/said" 9>&- || { reason "$caddy/next/said"; leave 70; }
    [ -s "$caddy/next/config.json" ] || leave 1
    synced "$caddy/next/config.json"
}

# Has a configuration loaded.
load() {
    caddy reload --config "$1" --address "unix/$admin" >"$caddy/next/said" 2>&1 9>&-
}

# Whether a site answers for itself, as a visitor reaches it. A fragment says where: `# probe PORT HOST MARK`, with 0 for
# the port of plain HTTP. `$1` the fragment, `$2` the configuration it is part of.
site_answers() {
    http=$(sed -n 's/^# http_port //p' "$2")
    while read -r hash word port name mark rest; do
        [ "$hash $word" = '# probe' ] || break
        [ "$port" != 0 ] || port=$http
        tried=0
        while :; do
            said=$(caddy_get "127.0.0.1:$port" /.well-known/cgo-site "$name")
            [ $? != 127 ] || return 0
            [ "$said" != "$mark" ] || break
            tried=$((tried+1))
            [ "$tried" -lt 20 ] || { echo "$name:$port says \`$said\` instead of \`$mark\`" >&2; return 1; }
            sleep 0.1 2>/dev/null || sleep 1
        done
    done <"$1"
}

# Whether every site of the candidate does.
all_answer() {
    for site in "$caddy"/next/sites.d/*.caddy; do
        [ ! -f "$site" ] || site_answers "$site" "$caddy/next/Caddyfile" || return 1
    done
}

# Loads the candidate and looks at every site; when that fails, what was good before is loaded again. What is loaded and
# not on the disk yet is marked, so that the next change knows.
loaded() {
    mkdir -p "$caddy/last-good" && : >"$caddy/pending" || leave 1
    load "$caddy/next/config.json" || { reason "$caddy/next/said"; restored; leave 72; }
    all_answer || { restored; leave 73; }
}

restored() {
    [ ! -f "$caddy/last-good/config.json" ] || load "$caddy/last-good/config.json" && rm -f "$caddy/pending"
}

# What was loaded is on the disk now.
settled() {
    mv -f "$caddy/next/config.json" "$caddy/last-good/config.json" || leave 1
    rm -f "$caddy/pending"
    rm -rf "$caddy/next"
    synced "$caddy"
}

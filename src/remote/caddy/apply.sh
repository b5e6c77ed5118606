# Puts one site's fragment in place, or takes it away. `$2` the application, `$3` the size of the fragment, which
# follows; none to take it away; `$4` the sum of the configuration it is to be part of, if that matters. Says `changed` with what it changed. Comes to the same twice.
trap '' HUP PIPE
umask 027
command -v caddy >/dev/null || exit 64
[ -f "$caddy/Caddyfile" ] && [ -d "$caddy/sites.d" ] || exit 65
[ -z "$4" ] || [ "$(sha256sum <"$caddy/Caddyfile")" = "$4  -" ] || exit 65
alone
file=$caddy/sites.d/$2.caddy
if [ -n "$3" ]; then
    cat >"$file.new" || { rm -f "$file.new"; exit 1; }
    [ "$(wc -c <"$file.new")" -eq "$3" ] || { rm -f "$file.new"; exit 77; }
    passable "$1" "$1/apps" "$1/apps/$2" "$1/apps/$2/production" "$1/apps/$2/production/active" ||
        { rm -f "$file.new"; exit 1; }
    if [ ! -e "$caddy/pending" ] && cmp -s "$file" "$file.new"; then
        rm -f "$file.new"
        # Where its socket is gone, a site that answers says that it runs.
        answers || site_answers "$file" "$caddy/Caddyfile" || exit 71
        open_doors "$caddy/sites.d"
        exit
    fi
elif [ ! -e "$caddy/pending" ] && [ ! -e "$file" ]; then
    open_doors "$caddy/sites.d"
    exit
fi
leave() { rm -rf "$caddy/next"; rm -f "$file.new"; exit "$1"; }
candidate
if [ -n "$3" ]; then
    chmod 0640 "$file.new" && { [ -z "$account" ] || chgrp "$account" "$file.new"; } || leave 1
    synced "$file.new"
    cp "$file.new" "$caddy/next/sites.d/$2.caddy" || leave 1
else
    rm -f "$caddy/next/sites.d/$2.caddy"
fi
judged
answers || leave 71
loaded
if [ -n "$3" ]; then mv -f "$file.new" "$file" || leave 1; else rm -f "$file" "$file.new"; fi
synced "$caddy/sites.d"
settled
echo "changed $2"
open_doors "$caddy/sites.d"

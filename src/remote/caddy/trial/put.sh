# Puts proofs where an authority asks for them, for two minutes at the most, and prints the folder that has to be taken away
# again. Caddy's configuration stays as it is: a Caddy that listens answers out of its storage, as it does for another of
# its cluster; where nothing listens, one serves a folder of files. `$2` yes or no: something listens on the port of plain
# HTTP; `$3` the directories of the storage, by authority; `$4` a line `NAME TOKEN PROOF` for each name.
trap '' HUP PIPE
umask 022
command -v caddy >/dev/null || exit 64
port=$(sed -n 's/^# http_port //p' "$caddy/Caddyfile" 2>/dev/null)
port=${port:-80}
if [ "$2" = yes ]; then
    caddy_get "$admin" /config/apps/http "" | grep -qF ":$port\"" || exit 76
fi
held=$(mktemp -d /tmp/cgo-trial.XXXXXX) && chmod 755 "$held" && mkdir -p "$held/www/.well-known/acme-challenge" || exit 1
: >"$held/files" || exit 1

# Whatever becomes of the connection, it ends by itself and leaves nothing.
if [ "$2" = yes ]; then
    set -- "$@" sleep 120
elif [ -n "$account" ]; then
    set -- "$@" timeout 120 setpriv "--reuid=$account" "--regid=$(id -g "$account")" --init-groups \
        --inh-caps=+net_bind_service --ambient-caps=+net_bind_service \
        caddy file-server --root "$held/www" --listen ":$port"
else
    set -- "$@" timeout 120 caddy file-server --root "$held/www" --listen ":$port"
fi
listens=$2 authorities=$3 proofs=$4
shift 4
HOME=/nonexistent setsid sh -c '"$@" & echo $! >"$0/keeper"
wait
while read -r file; do rm -f "$file"; rmdir "${file%/*}" "${file%/*/*}" 2>/dev/null; done <"$0/files"
rm -rf "$0"' "$held" "$@" </dev/null >"$held/said" 2>&1 9>&- &
failed() { tail -n 3 "$held/said" >&2; trial_ends "$held"; exit "$1"; }
waited=0
until [ -s "$held/keeper" ]; do
    waited=$((waited+1))
    [ "$waited" -lt 50 ] || failed 1
    sleep 0.1 2>/dev/null || { sleep 1; waited=$((waited+9)); }
done

while read -r name token proof; do
    if [ "$listens" = no ]; then
        printf '%s' "$proof" >"$held/www/.well-known/acme-challenge/$token" || failed 1
        continue
    fi
    for authority in $authorities; do
        file=$caddy/data/acme/$authority/challenge_tokens/$name.json
        # This very name is being asked for just now.
        [ ! -e "$file" ] || failed 75
        printf '%s\n' "$file" >>"$held/files" || failed 1
        printf '{"type":"http-01","token":"%s","keyAuthorization":"%s","identifier":{"type":"dns","value":"%s"}}\n' \
            "$token" "$proof" "$name" |
            as_caddy sh -c 'umask 077; mkdir -p "${1%/*}" && cat >"$1"' sh "$file" || failed 1
    done
done <<END
$proofs
END
while read -r name token proof; do
    waited=0
    until said=$(caddy_get "127.0.0.1:$port" "/.well-known/acme-challenge/$token" "$name"); [ "$said" = "$proof" ]; do
        waited=$((waited+1))
        [ "$waited" -lt 50 ] || failed 78
        sleep 0.1 2>/dev/null || { sleep 1; waited=$((waited+9)); }
    done
done <<END
$proofs
END
printf '%s\n' "$held"

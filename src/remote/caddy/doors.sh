# Lets visitors of sites with a port of their own in, through ufw or the table that cgo set up; others are left alone.

doors_table=/etc/nftables.d/cgo.nft
# What that table takes in, where there is such a file.
doors_file=/etc/nftables.d/cgo.ports

# The ports of the sites in folder `$1`, as their fragments say.
doors_of() {
    for site in "$1"/*.caddy; do
        [ ! -f "$site" ] || sed -n '1s/^# probe \([1-9][0-9]*\) .*/\1/p' "$site"
    done | sort -un
}

doors_text() {
    doors=$(doors_of "$1" | tr '\n' ',')
    [ -z "$doors" ] || echo "tcp dport { ${doors%,} } accept"
}

ufw_is_active() { command -v ufw >/dev/null 2>&1 && ufw status 2>/dev/null | grep -q '^Status: active'; }
# The ports that ufw was told of for sites.
ufw_doors() { ufw status | sed -n 's|^\([0-9]*\)/tcp .*# cgo site$|\1|p' | sort -un; }

# Whether the doors of the sites in folder `$1` stand open, and no others.
doors_are_open() {
    if ufw_is_active; then [ "$(ufw_doors)" = "$(doors_of "$1")" ]
    else [ ! -f "$doors_table" ] || [ "$(cat "$doors_file" 2>/dev/null)" = "$(doors_text "$1")" ]; fi
}

# Opens them, and closes those of sites that are gone.
open_doors() {
    [ "$(id -u)" = 0 ] && ! doors_are_open "$1" || return 0
    if ufw_is_active; then
        wanted=" $(doors_of "$1" | tr '\n' ' ')"
        for door in $(ufw_doors); do
            case $wanted in *" $door "*) ;; *) ufw delete allow "$door/tcp" >/dev/null || return 1 ;; esac
        done
        for door in $wanted; do ufw allow "$door/tcp" comment 'cgo site' >/dev/null || return 1; done
        return
    fi
    doors_text "$1" >"$doors_file.new" && mv -f "$doors_file.new" "$doors_file" || return 1
    # Where the kernel lets nobody filter packets, nothing is filtered.
    ! nft list tables >/dev/null 2>&1 || nft -f "$doors_table"
}

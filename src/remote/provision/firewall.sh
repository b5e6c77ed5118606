# What may come in: SSH, 80, 443, the ports of sites without a domain, ping, and answers. ufw where it is installed, else a table of our own in nftables.
# Guarded: when nobody gets in any more, what was before is put back.

firewall_file=$doors_table
firewall_sites=$folders_root/caddy/sites.d

firewall_text() {
    ports=$(ssh_ports | tr '\n' ',')
    echo "#!/usr/sbin/nft -f
# Written by cgo. Other tables, such as those of container engines, are left alone.
add table inet cgo
delete table inet cgo
table inet cgo {
    chain input {
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        ct state invalid drop
        iifname \"lo\" accept
        meta l4proto { 1, 58 } accept comment \"icmp and icmpv6: a bare system knows no names of protocols\"
        udp dport 546 ip6 saddr fe80::/10 accept
        iifname \"docker*\" accept
        iifname \"br-*\" accept
        iifname \"podman*\" accept
        tcp dport { ${ports}80, 443 } accept
        udp dport 443 accept
        # The star: it need not be there.
        include \"$doors_file*\"
    }
}"
}

firewall_ufw() { case $installed in *" ufw "*) ;; *) return 1 ;; esac; }

firewall_check() {
    if firewall_ufw; then
        status=$(ufw status 2>/dev/null)
        case $status in
            "Status: active"*) ;;
            *) echo "ufw is not active"; return 1 ;;
        esac
        for wanted in $(ssh_ports) 80 443; do
            echo "$status" | grep -Eq "^$wanted(/tcp)? +(ALLOW|LIMIT)" || { echo "ufw keeps port $wanted out"; return 1; }
        done
        doors_are_open "$firewall_sites" || { echo "ufw keeps visitors of a project out"; return 1; }
        echo "ufw: SSH, 80 and 443 come in"
        return
    fi
    lacking nftables || return 1
    holds "$firewall_file" "$(firewall_text)" || { echo "everything may come in"; return 1; }
    doors_are_open "$firewall_sites" || { echo "visitors of a project are kept out"; return 1; }
    grep -q '^include "/etc/nftables.d/\*.nft"' /etc/nftables.conf 2>/dev/null ||
        { echo "it would be gone after a restart"; return 1; }
    ! systemd || systemctl is-enabled -q nftables || { echo "it would be gone after a restart"; return 1; }
    if ! nft list table inet cgo >/dev/null 2>&1; then
        nft list tables >/dev/null 2>&1 || { echo "the kernel lets nobody filter packets here"; return 2; }
        echo "its rules are not loaded"
        return 1
    fi
    systemd || { echo "in force; nothing here loads it after a restart: no systemd"; return 2; }
    echo "nftables: SSH, 80 and 443 come in"
}

firewall_save() {
    ! firewall_ufw || { ufw status | head -n 1 >"$1/ufw"; return; }
    [ ! -f "$firewall_file" ] || cp -p "$firewall_file" "$1/rules"
}

firewall_apply() {
    if firewall_ufw; then
        for wanted in $(ssh_ports) 80 443; do ufw allow "$wanted/tcp" || return 1; done
        ufw allow 443/udp && ufw --force enable && open_doors "$firewall_sites"
        return
    fi
    install_packages nftables || return 1
    mkdir -p "${firewall_file%/*}" && put "$firewall_file.checked" "$(firewall_text)" 644 || return 1
    if nft list tables >/dev/null 2>&1; then
        nft -c -f "$firewall_file.checked" && nft -f "$firewall_file.checked" || return 1
    fi
    mv -f "$firewall_file.checked" "$firewall_file" && open_doors "$firewall_sites" || return 1
    grep -q '^include "/etc/nftables.d/\*.nft"' /etc/nftables.conf 2>/dev/null ||
        printf 'include "/etc/nftables.d/*.nft"\n' >>/etc/nftables.conf || return 1
    # Enabled and not started: its start would throw away the rules of container engines.
    ! systemd || systemctl enable nftables
}

firewall_revert() {
    if [ -f "$1/ufw" ]; then
        case $(cat "$1/ufw") in "Status: active") ;; *) ufw --force disable ;; esac
        return
    fi
    if [ -f "$1/rules" ]; then
        cp -p "$1/rules" "$firewall_file" && nft -f "$firewall_file"
    else
        rm -f "$firewall_file"
        nft delete table inet cgo
    fi
}

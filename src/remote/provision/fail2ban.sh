# Addresses that try passwords are kept out for a while.

fail2ban_file=/etc/fail2ban/jail.d/cgo.local

fail2ban_text() {
    backend=auto
    ! systemd || backend=systemd
    ports=$(ssh_ports | tr '\n' ',')
    echo "[DEFAULT]
banaction = nftables
banaction_allports = nftables[type=allports]

[sshd]
enabled = true
backend = $backend
port = ${ports%,}"
}

fail2ban_check() {
    systemd || [ -f /var/log/auth.log ] || {
        echo "no log of logins to read: neither systemd's journal nor /var/log/auth.log"
        return 2
    }
    lacking fail2ban nftables || return 1
    ! systemd || lacking python3-systemd || return 1
    holds "$fail2ban_file" "$(fail2ban_text)" || { echo "the jail for SSH is not set up"; return 1; }
    check_service fail2ban "fail2ban is installed"
}

fail2ban_apply() {
    # Its own file first: the package starts the service, which fails without a log it knows.
    mkdir -p "${fail2ban_file%/*}" && put "$fail2ban_file" "$(fail2ban_text)" 644 || return 1
    set -- fail2ban nftables
    ! systemd || set -- "$@" python3-systemd
    install_packages "$@" && fail2ban-client -t && service_on fail2ban && service_again fail2ban
}

# Security updates without anybody's doing.

upgrades_file=/etc/apt/apt.conf.d/52cgo-upgrades
upgrades_text='APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";'

upgrades_check() {
    lacking unattended-upgrades || return 1
    holds "$upgrades_file" "$upgrades_text" || { echo "they are not switched on"; return 1; }
    if systemd; then
        for timer in apt-daily.timer apt-daily-upgrade.timer; do
            systemctl is-enabled -q "$timer" && systemctl is-active -q "$timer" ||
                { echo "$timer is off"; return 1; }
        done
    elif ! has cron; then
        echo "switched on, and nothing here begins them: neither systemd nor cron"
        return 2
    fi
    echo "every day"
}

upgrades_apply() {
    install_packages unattended-upgrades && put "$upgrades_file" "$upgrades_text" 644 || return 1
    ! systemd || systemctl enable --now apt-daily.timer apt-daily-upgrade.timer
}

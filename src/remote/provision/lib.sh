# What every step may use. The program is read from standard input as root, and begins in `main`.
# A check prints why and returns: 0 it is so; 1 it is not; 2 it does not apply to this machine; 3 it cannot be done here.
# Variables: $account the deploy account, $keys the public keys it takes, $engine the container engine that is asked for,
# $port the port of the SSH connection in use.

LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
umask 022
account=cgo

has() { command -v "$1" >/dev/null 2>&1; }
systemd() { [ -d /run/systemd/system ]; }

# Says which of the packages are not installed.
lacking() {
    lack=
    for package; do
        case $installed in *" $package "*) ;; *) lack="$lack $package" ;; esac
    done
    [ -z "$lack" ] || { echo "not installed:$lack"; return 1; }
}

# One question for all packages that checks ask about.
know_packages() {
    installed=" $(dpkg-query -W -f '${db:Status-Status}/${Package} ' ca-certificates caddy chrony curl docker.io \
        docker-ce fail2ban nftables ntpsec openntpd podman python3 python3-systemd python3-venv sudo \
        systemd-timesyncd tar ufw unattended-upgrades util-linux zstd 2>/dev/null)"
    installed=$(echo "$installed" | tr ' ' '\n' | sed -n 's|^installed/||p' | tr '\n' ' ')
    installed=" $installed"
}

apt() {
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a apt-get -q -y -o DPkg::Lock::Timeout=300 \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

# Installs packages; `$1` may be `--install-recommends`. Finishes first what another installation left half done.
install_packages() {
    DEBIAN_FRONTEND=noninteractive dpkg --configure -a || return 1
    fresh=$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -mtime -1 2>/dev/null | head -n 1)
    [ -n "$fresh" ] || apt update || return 1
    apt --no-install-recommends install "$@" && return
    # What the lists promise may have been replaced since.
    apt update && apt --no-install-recommends install "$@"
}

# Whether a service runs, and will after a restart of the machine: 0 yes, 1 no, 2 nothing here runs services.
service_is_on() {
    if systemd; then
        systemctl is-active -q "$1" && systemctl is-enabled -q "$1" 2>/dev/null
    elif [ -x "/etc/init.d/$1" ]; then
        "/etc/init.d/$1" status >/dev/null 2>&1 </dev/null
    else
        return 2
    fi
}

service_on() {
    if systemd; then
        systemctl enable --now "$1"
    elif [ -x "/etc/init.d/$1" ]; then
        has update-rc.d && update-rc.d "$1" defaults >/dev/null 2>&1
        "/etc/init.d/$1" status >/dev/null 2>&1 || "/etc/init.d/$1" start
    fi
}

service_again() {
    if systemd; then systemctl restart "$1"; elif [ -x "/etc/init.d/$1" ]; then "/etc/init.d/$1" restart; fi
}

# The end of a check: whether the service `$1` is on; `$2` says what there is without one.
check_service() {
    service_is_on "$1"
    case $? in
        0) echo "runs" ;;
        1) echo "$1 does not run, or will not after a restart"; return 1 ;;
        *) echo "$2; nothing runs services here: no systemd"; return 2 ;;
    esac
}

# Whether a file holds exactly this.
holds() { [ -f "$1" ] && [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }

# Writes a file so that it is there in full or not at all. `$3` its mode.
put() {
    printf '%s\n' "$2" >"$1.cgo-new" && chmod "$3" "$1.cgo-new" && mv -f "$1.cgo-new" "$1"
}

# The ports an SSH server listens on here, and the one this connection came in at.
ssh_ports() {
    { echo "$port"; sshd -T 2>/dev/null | sed -n 's/^port //p'; } | grep -E '^[0-9]+$' | sort -un
}

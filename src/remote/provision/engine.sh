# A container engine: the one that is asked for, or else the one there is, or else Docker. What serves in it starts with
# the machine: Docker sees to that itself, for Podman a service of ours does. Podman's own, `podman-restart`, starts what
# has the policy `always`, and to a container that is there only Podman 5.1 and later can give one.

podman_unit=cgo-podman.service
podman_file=/etc/systemd/system/$podman_unit
# A dollar and a percent sign are written twice for systemd.
podman_text='[Unit]
Description=What serves in containers of Podman, started with the machine by cgo
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c "for base in '$folders_root'/apps/*/production; do \
grep -qsx podman $$base/engine && [ -e $$base/serving ] && [ ! -e $$base/stopped ] || continue; \
slot=blue; [ ! -e $$base/active/green ] || slot=green; \
app=$${base%%/production}; podman start cgo-$${app##*/}-production-$$slot; done"

[Install]
WantedBy=multi-user.target'

engine_name() {
    case $engine in
        docker | podman) echo "$engine" ;;
        *) if ! has docker && has podman; then echo podman; else echo docker; fi ;;
    esac
}

engine_check() {
    [ "$engine" != none ] || { echo "not wanted: --engine none"; return 2; }
    name=$(engine_name)
    has "$name" || { echo "$name is not installed"; return 1; }
    if [ "$name" = podman ]; then
        # `podman version` would open its storage, and leave traces there.
        version=$(timeout 10 podman --version 2>&1) || { echo "podman does not answer: $version"; return 1; }
        podman_stays "podman ${version##* }"
        return
    fi
    if version=$(timeout 10 docker version --format '{{.Server.Version}}' 2>/dev/null); then
        # Started by hand it would be gone after a restart.
        systemd && ! systemctl is-enabled -q docker && { echo "docker will not start with the machine"; return 1; }
        echo "docker $version"
        return
    fi
    check_service docker "docker is installed" || return
    echo "docker runs, and does not answer"
    return 1
}

# The account deploys without root's rights: its containers are its own.
podman_is_rootless() { id "$account" >/dev/null 2>&1 && ! runuser -u "$account" -- sudo -n true >/dev/null 2>&1; }

# Whether what serves in it outlives the sessions of the account, and a restart of the machine; `$1` says what there is.
podman_stays() {
    systemd || { echo "$1; nothing starts its containers with the machine: no systemd"; return; }
    if podman_is_rootless; then
        has loginctl || { echo "$1; its containers end with the last session of \`$account\`: no loginctl"; return; }
        [ -e "/var/lib/systemd/linger/$account" ] ||
            { echo "containers of podman end with the last session of \`$account\`"; return 1; }
        echo "$1; \`$account\` lingers, and nothing starts its containers with the machine"
        return
    fi
    holds "$podman_file" "$podman_text" && systemctl is-enabled -q "$podman_unit" ||
        { echo "containers of podman will not start with the machine"; return 1; }
    echo "$1; $podman_unit starts its containers with the machine"
}

engine_apply() {
    if [ "$(engine_name)" = podman ]; then
        has podman || install_packages --install-recommends podman || return 1
        systemd || return 0
        if podman_is_rootless; then
            ! has loginctl || loginctl enable-linger "$account"
            return
        fi
        put "$podman_file" "$podman_text" 644 && systemctl daemon-reload && systemctl enable "$podman_unit"
        return
    fi
    if ! has docker; then
        set -- docker.io iptables xz-utils
        # The client is a package of its own from Debian 13 on.
        fresh=$(apt-cache show docker-cli 2>/dev/null | head -n 1)
        [ -z "$fresh" ] || set -- "$@" docker-cli
        install_packages "$@" || return 1
    fi
    service_on docker
}

# A container engine: the one that is asked for, or else the one there is, or else Docker.

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
        echo "podman ${version##* }"
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

engine_apply() {
    if [ "$(engine_name)" = podman ]; then
        has podman || install_packages --install-recommends podman
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

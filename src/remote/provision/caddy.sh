# Caddy, in the group that may read what deployments leave for it.

caddy_check() {
    has caddy || { echo "caddy is not installed"; return 1; }
    id caddy >/dev/null 2>&1 || { echo "no account \`caddy\`"; return 1; }
    case " $(id -Gn caddy) " in
        *" $account "*) ;;
        *) echo "it may not read $account's folders"; return 1 ;;
    esac
    check_service caddy "caddy is installed"
}

caddy_apply() {
    if ! has caddy; then
        install_packages caddy || {
            echo "this release of the system may have no package \`caddy\`: see caddyserver.com/docs/install" >&2
            return 1
        }
    fi
    id caddy >/dev/null 2>&1 || useradd --system --home-dir /var/lib/caddy --create-home --shell /usr/sbin/nologin \
        --user-group caddy || return 1
    case " $(id -Gn caddy) " in
        *" $account "*) ;;
        *) usermod --append --groups "$account" caddy && ! service_is_on caddy || service_again caddy ;;
    esac
    service_on caddy
}

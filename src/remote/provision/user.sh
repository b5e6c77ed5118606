# The account that deploys: it takes the operator's key, no password, and may become root without one.

user_rule="$account ALL=(ALL:ALL) NOPASSWD: ALL"

user_home() { getent passwd "$account" | cut -d: -f6; }

user_check() {
    line=$(getent passwd "$account") || { echo "no account \`$account\`"; return 1; }
    case $line in
        *:0:*:*:*:*:*) echo "the account \`$account\` is root by another name"; return 3 ;;
        *nologin | */false) echo "\`$account\` has no login shell"; return 1 ;;
    esac
    home=$(user_home)
    [ -d "$home" ] || { echo "\`$account\` has no home"; return 1; }
    folder=$home/.ssh file=$home/.ssh/authorized_keys
    [ "$(stat -c '%a %U' "$folder" "$file" 2>/dev/null)" = "700 $account
600 $account" ] || { echo "its authorized keys are missing, or open to others"; return 1; }
    missing=$(echo "$keys" | while read -r key; do
        [ -z "$key" ] || grep -qF "$key" "$file" || echo missing
    done)
    [ -z "$missing" ] || { echo "it does not take the operator's key"; return 1; }
    has visudo || { echo "sudo is not installed"; return 1; }
    holds "/etc/sudoers.d/$account" "$user_rule" || { echo "it may not become root"; return 1; }
    [ "$(stat -c '%a %u' "/etc/sudoers.d/$account")" = "440 0" ] || { echo "its sudo rule is open to others"; return 1; }
    echo "\`$account\`, with the operator's key and sudo"
}

user_apply() {
    [ -n "$keys" ] || { echo "no public key is known for it" >&2; return 1; }
    shell=/bin/sh
    [ ! -x /bin/bash ] || shell=/bin/bash
    if getent passwd "$account" >/dev/null; then
        case $(getent passwd "$account") in
            *nologin | */false) usermod --shell "$shell" "$account" || return 1 ;;
        esac
    else
        # `*` is a password nobody has; a locked account is refused by some SSH servers even with a key.
        useradd --create-home --user-group --shell "$shell" --password '*' "$account" || return 1
    fi
    home=$(user_home)
    mkdir -p "$home/.ssh" && touch "$home/.ssh/authorized_keys" || return 1
    echo "$keys" | while read -r key; do
        [ -z "$key" ] || grep -qF "$key" "$home/.ssh/authorized_keys" && continue
        # A last line without an end would swallow the key.
        [ -z "$(tail -c 1 "$home/.ssh/authorized_keys")" ] || echo >>"$home/.ssh/authorized_keys"
        echo "$key $account" >>"$home/.ssh/authorized_keys" || exit 1
    done || return 1
    chown "$account:" "$home" && chown -R "$account:" "$home/.ssh" || return 1
    chmod 700 "$home/.ssh" && chmod 600 "$home/.ssh/authorized_keys" || return 1
    # sudo reads no file with a dot in its name, so a wrong one is never in force.
    new=/etc/sudoers.d/.$account.new
    mkdir -p /etc/sudoers.d || return 1
    printf '%s\n' "$user_rule" >"$new" && chmod 440 "$new" && visudo -cf "$new" || { rm -f "$new"; return 1; }
    mv -f "$new" "/etc/sudoers.d/$account" || return 1
    visudo -c || { rm -f "/etc/sudoers.d/$account"; return 1; }
}

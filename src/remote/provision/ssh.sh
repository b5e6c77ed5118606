# The SSH server takes keys only. Guarded: when the deploy account does not get in any more, what was before is put back.

ssh_folder=/etc/ssh/sshd_config.d
# The first value that is read counts, so it is named to come first.
ssh_file=$ssh_folder/00-cgo.conf
ssh_text='# Written by cgo. The first value that sshd reads is the one that counts.
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitEmptyPasswords no
PermitRootLogin prohibit-password
PubkeyAuthentication yes
MaxAuthTries 4
LoginGraceTime 30
X11Forwarding no'

ssh_check() {
    has sshd || { echo "no OpenSSH server is installed"; return 3; }
    now=$(sshd -T 2>&1) || { echo "sshd refuses its configuration: $(echo "$now" | tail -n 1)"; return 3; }
    for wanted in "passwordauthentication no" "kbdinteractiveauthentication no" "permitemptypasswords no" \
        "pubkeyauthentication yes" "x11forwarding no"; do
        echo "$now" | grep -qix "$wanted" || { echo "$(echo "$now" | grep -i "^${wanted% *} ")"; return 1; }
    done
    echo "$now" | grep -Eqix 'permitrootlogin (no|without-password|prohibit-password)' ||
        { echo "root may log in with a password"; return 1; }
    holds "$ssh_file" "$ssh_text" || { echo "$ssh_file is missing, or another"; return 1; }
    echo "keys only"
}

ssh_reload() {
    if systemd; then
        for unit in ssh sshd; do
            if systemctl cat "$unit.service" >/dev/null 2>&1; then
                systemctl is-active -q "$unit" || return 0
                systemctl reload "$unit"
                return
            fi
        done
        echo "no unit of the SSH server is known" >&2
        return 1
    fi
    pid=$(cat "$(sshd -T | sed -n 's/^pidfile //p')" 2>/dev/null)
    [ -n "$pid" ] && kill -HUP "$pid" || { echo "the SSH server is not found" >&2; return 1; }
}

ssh_save() {
    cp -p /etc/ssh/sshd_config "$1/sshd_config" || return 1
    [ ! -f "$ssh_file" ] || cp -p "$ssh_file" "$1/drop-in"
}

ssh_apply() {
    mkdir -p "$ssh_folder" && put "$ssh_file" "$ssh_text" 644 || return 1
    first=$(grep -Eim1 '^[[:space:]]*(Include|Match|PasswordAuthentication|PermitRootLogin)' /etc/ssh/sshd_config)
    case $first in
        *nclude*/etc/ssh/sshd_config.d/*) ;;
        *) put /etc/ssh/sshd_config "Include $ssh_folder/*.conf
$(cat /etc/ssh/sshd_config)" 644 || return 1 ;;
    esac
    sshd -t && ssh_reload
}

ssh_revert() {
    cp -p "$1/sshd_config" /etc/ssh/sshd_config || return 1
    if [ -f "$1/drop-in" ]; then cp -p "$1/drop-in" "$ssh_file"; else rm -f "$ssh_file"; fi
    sshd -t && ssh_reload
}

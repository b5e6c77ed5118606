# Where deployments live.

folders_root=/var/lib/cgo

folders_all() {
    for folder in '' /apps /bin /blobs /blobs/sha256; do
        echo "$folders_root$folder"
    done
}

folders_check() {
    wrong=$(folders_all | while read -r folder; do
        [ "$(stat -c '%F %a %U:%G' "$folder" 2>/dev/null)" = "directory 750 $account:$account" ] || echo "$folder"
    done)
    [ -z "$wrong" ] || { echo "missing, or not $account's alone:" $wrong; return 1; }
    echo "$folders_root"
}

folders_apply() {
    folders_all | while read -r folder; do
        mkdir -p "$folder" && chown "$account:$account" "$folder" && chmod 750 "$folder" || exit 1
    done
}

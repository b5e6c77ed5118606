# Programs that every later step and every deployment needs.

packages_wanted="ca-certificates curl python3 python3-venv sudo tar util-linux zstd"

packages_check() {
    lacking $packages_wanted || return 1
    for program in curl zstd tar flock sha256sum python3 visudo setsid; do
        has "$program" || { echo "no program \`$program\`"; return 1; }
    done
    echo "$packages_wanted"
}

packages_apply() { install_packages $packages_wanted; }

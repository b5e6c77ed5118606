# What the program is asked to do: `$1` one of
#   plan STEP…               how each step stands: a line `step NAME STATE WHY` each
#   apply STEP               brings about what is not so; exit code 20 for a step that does not apply
#   guard STEP DIR SECONDS   keeps what is there now, and puts it back unless it is told in time that all is well;
#                            exit code 30 when it did
#   decide DIR VERDICT       tells a guard `kept` or `reverted`; the first word counts

stand() {
    why=$("${1}_check" 2>&1)
    code=$?
    case $code in 0) state=done ;; 1) state=needed ;; 2) state=skipped ;; *) state=blocked ;; esac
    why=$(echo "$why" | tail -n 1 | tr -d '\r' | cut -c 1-300)
}

plan() {
    . /etc/os-release 2>/dev/null
    if has apt-get && has dpkg-query; then
        case " $ID $ID_LIKE " in *" debian "* | *" ubuntu "*) echo "system known" ;; *) echo "system unknown" ;; esac
    else
        echo "system unknown"
    fi
    know_packages
    for step; do
        stand "$step"
        echo "step $step $state $why"
    done
}

apply() {
    know_packages
    stand "$1"
    if [ "$state" = needed ]; then
        "${1}_apply" || { echo "$1: failed" >&2; exit 1; }
        know_packages
        stand "$1"
    fi
    echo "$why"
    case $state in done) exit 0 ;; skipped) exit 20 ;; *) exit 1 ;; esac
}

guard() {
    rm -rf "$2" && mkdir -p "$2" && chmod 700 "$2" || exit 1
    know_packages
    "${1}_save" "$2" || exit 1
    : >"$2/armed" || exit 1
    echo armed
    left=$(($3 * 5))
    while [ "$left" -gt 0 ] && [ ! -L "$2/decision" ]; do
        sleep 0.2
        left=$((left - 1))
    done
    ln -s reverted "$2/decision" 2>/dev/null
    case $(readlink "$2/decision") in kept) echo kept; exit 0 ;; esac
    "${1}_revert" "$2" || { echo "what was before could not be put back" >&2; exit 1; }
    echo "what was before is back"
    exit 30
}

decide() {
    ln -s "$2" "$1/decision" 2>/dev/null
    readlink "$1/decision"
}

main() {
    port=$1 engine=$2 keys=$3 mode=$4
    shift 4
    case $mode in plan | apply | guard | decide) "$mode" "$@" ;; *) exit 64 ;; esac
}

main "$@" </dev/null
exit $?

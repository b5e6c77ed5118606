# Removes images. `$1` the engine; then a name, an id and the images without a name that go with it, for each. An image
# that is in use, or whose name means another one by now, stays. Nothing that is not named here is touched.
forget_images() {
    engine=$1
    shift
    command -v ${engine##* } >/dev/null || exit 64
    $engine version >/dev/null || exit 65
    keep=--no-prune
    [ "${engine##* }" = docker ] || keep=
    while [ $# -gt 0 ]; do
        name=$1 id=$2 made=$3
        shift 3
        now=$($engine image inspect --format '{{.Id}}' "$name" 2>/dev/null) || now=
        if [ -z "$now" ]; then
            echo "absent $name"
        elif [ "${now#sha256:}" != "${id#sha256:}" ]; then
            echo "other $name"
            continue
        elif [ -n "$($engine ps --all --quiet --filter "ancestor=$name")" ]; then
            echo "used $name"
            continue
        elif why=$($engine image rm $keep "$name" 2>&1); then
            echo "removed $name"
        else
            echo "used $name"
            printf '%s\n' "$why" >&2
            continue
        fi
        for id in $made; do
            # One that others stand on, or that somebody gave a name, stays; the engine refuses the first.
            tags=$($engine image inspect --format '{{len .RepoTags}}' "$id" 2>/dev/null) || continue
            [ "$tags" != 0 ] || $engine image rm $keep "$id" >/dev/null 2>&1
        done
    done
    true
}

# Takes an image that was put here, and says what it is then. `$1` the engine, `$2` the archive, `$3` what unpacks it, `$4`
# the name. Comes to the same twice; of two at once the second waits for the first.
take() {
    flock 8
    # Somebody else has taken it meanwhile.
    [ -e "$2" ] || return 0
    case $1 in
    docker) "$3" -dc <"$2" | docker load >/dev/null 8<&- || return 71 ;;
    *)
        # Podman makes a name of the path it is given, in which only lower case may stand.
        cd "${2%/*}" || return 1
        layout=${2##*/}.layout
        rm -rf "$layout" && mkdir "$layout" && "$3" -dc <"$2" | tar -xf - -C "$layout" || { rm -rf "$layout"; return 1; }
        id=$("$1" pull --quiet "oci:$layout" 8<&-) && "$1" tag "$id" "$4" 8<&-
        code=$?
        "$1" untag "$id" "localhost/$layout:latest" 2>/dev/null 8<&-
        rm -rf "$layout"
        [ "$code" = 0 ] || return 71
        ;;
    esac
    rm -f "$2"
}
taken=0
[ ! -e "$2" ] || take "$@" 8<"$2" || taken=$?
[ "$taken" = 0 ] || [ ! -e "$2" ] || exit "$taken"
"$1" image inspect --format 'image {{.Id}} {{.Architecture}} {{.Size}} {{range .RootFS.Layers}}{{.}} {{end}}' "$4" 2>/dev/null || true

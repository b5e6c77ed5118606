# Takes an image. `$1` the engine, `$2` the archive, `$3` what unpacks it, `$4` the name. Comes to the same twice.
case $1 in
    docker) "$3" -dc <"$2" | docker load >/dev/null || exit 71 ;;
    *)
        # Podman makes a name of the path it is given, in which only lower case may stand.
        cd "${2%/*}" || exit 1
        layout=${2##*/}.layout
        rm -rf "$layout" && mkdir "$layout" && "$3" -dc <"$2" | tar -xf - -C "$layout" || { rm -rf "$layout"; exit 1; }
        id=$("$1" pull --quiet "oci:$layout") && "$1" tag "$id" "$4"
        code=$?
        "$1" untag "$id" "localhost/$layout:latest" 2>/dev/null
        rm -rf "$layout"
        [ "$code" = 0 ] || exit 71
        ;;
esac
rm -f "$2"

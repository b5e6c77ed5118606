# Builds an image. `$1` the engine, `$2` the context (tar), `$3` the Dockerfile in it, `$4` the name of the image, `$5` a
# folder of this build alone, `$6` how many seconds it may take; the others are options. Its last two lines say what the
# image is, and which images without a name were left, newest first.
engine=$1 context=$2 dockerfile=$3 name=$4 folder=$5 seconds=$6
shift 6
command -v "$engine" >/dev/null || exit 64
"$engine" version >/dev/null || exit 65
rm -rf "$folder/context" && mkdir -p "$folder/context" && tar -xf "$context" -C "$folder/context" || exit 1
"$engine" image ls --all --quiet --no-trunc >"$folder/before" || exit 1
# What a build is done in goes with it, also when it fails.
within "$seconds" "$engine" build --force-rm --file "$folder/context/$dockerfile" --tag "$name" "$@" "$folder/context" 2>&1
code=$?
rm -rf "$folder/context" "$context"
case $code in
0) ;;
124) exit 72 ;;
*) exit 70 ;;
esac
shown=$("$engine" image inspect --format '{{.Id}} {{.Architecture}} {{.Size}} {{range .RootFS.Layers}}{{.}} {{end}}' "$name") || exit 1
own=${shown%% *}
made=
for id in $("$engine" history --quiet --no-trunc "$name"); do
    case $id in *missing*) continue ;; esac
    [ "${id#sha256:}" = "${own#sha256:}" ] || grep -q "${id#sha256:}" "$folder/before" || made="$made $id"
done
rm -f "$folder/before"
printf '\ncgo:image %s\ncgo:made%s\n' "$shown" "$made"

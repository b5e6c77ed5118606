# What an engine has. `$1` the engine, `$2` the folder that files are sent to, `$3` the name of an image that is to come; the
# others are names of images that could go.
command -v "$1" >/dev/null || exit 64
case $1 in
    docker) ask='{{.DockerRootDir}} {{.DriverStatus}}' ;;
    *) ask='{{.Store.GraphRoot}} -' ;;
esac
"$1" version >/dev/null || exit 65
info=$("$1" info --format "$ask") || exit 65
engine=$1 folder=$2 name=$3
shift 3
case $info in *io.containerd.snapshotter*) echo 'whole yes' ;; esac
command -v zstd >/dev/null && echo 'zstd yes'
"$engine" image inspect --format 'own {{.Id}} {{.Architecture}} {{.Size}} {{range .RootFS.Layers}}{{.}} {{end}}' "$name" 2>/dev/null
# What was sent before, or a part of it: such files are called by their checksums.
for file in "$folder"/*; do
    case ${file##*/} in *.part) ;; *[!0-9a-f]*) continue ;; esac
    [ ! -f "$file" ] || echo "sent $(wc -c <"$file") ${file##*/}"
done
while [ ! -d "$folder" ]; do folder=${folder%/*}; [ -n "$folder" ] || folder=/; done
df -Pk "${info%% *}" "$folder" | awk 'NR > 1 { print "free", $4 }'
for name; do "$engine" image inspect --format 'freeable {{.Size}}' "$name" 2>/dev/null; done
ids=$("$engine" image ls --all --quiet --no-trunc | sort -u)
[ -z "$ids" ] || "$engine" image inspect --format 'image {{.Id}} {{range .RootFS.Layers}}{{.}} {{end}}' $ids 2>/dev/null
true

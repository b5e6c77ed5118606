# `$1` the engine, `$2` the name of an image: what it is; nothing where there is none.
command -v "$1" >/dev/null || exit 64
"$1" version >/dev/null || exit 65
"$1" image inspect --format '{{.Id}} {{.Architecture}} {{.Size}} {{range .RootFS.Layers}}{{.}} {{end}}' "$2" 2>/dev/null || true

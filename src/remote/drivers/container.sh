# Releases as containers, of Docker or Podman: one for each slot, on loopback only, in a network of its own, with limits.
# Only what has our names, and images that a release of ours names, is ever touched; nothing is pruned.

# Which engine answers, as it is or through sudo: the one that it was deployed with, and no other, where it was.
engine=
engines=$(line_of "$base/engine")
for one in docker podman "sudo -n docker" "sudo -n podman"; do
    case ${engines:-${one##* }} in "${one##* }") ;; *) continue ;; esac
    if command -v "${one##* }" >/dev/null && $one version >/dev/null 2>&1; then engine=$one; break; fi
done
engine_answers() { [ -n "$engine" ] && $engine version >/dev/null 2>&1; }
container_of() { echo "cgo-$app-production-$1"; }
shared_of() { echo "cgo-$app-production"; }

driver_check() { [ -n "$engine" ] || { echo "container engine that answers (${engines:-docker, podman})"; return 1; }; }

driver_install() {
    [ -n "$engines" ] || echo "${engine##* }" | write "$base/engine" || return 1
    name=$(shared_of)
    $engine network inspect "$name" >/dev/null 2>&1 || $engine network create --label "cgo.app=$app" "$name" >/dev/null || return 1
    $engine volume inspect "$name" >/dev/null 2>&1 || $engine volume create --label "cgo.app=$app" "$name" >/dev/null
}

# Runs a container of the release in slot $1 with what the file $2 sets as its arguments, and the options after it.
# Variables are handed on by name: their values are in the environment of the one who asks, and in no argument.
run_image() {
    s=$base/slots/$1 file=$2
    shift 2
    image=$(line_of "$(line_of "$s/release_folder")/image")
    [ -n "$image" ] || { echo "the release has no image"; return 1; }
    names=$(line_of "$s/options")
    memory=$(sed -n 2p "$s/options")m
    (
        case $engine in sudo*) engine="sudo -n --preserve-env=$(echo $names | tr ' ' ,) ${engine##* }" ;; esac
        for one in $names; do set -- "$@" --env "$one"; done
        . "$s/env"
        # The file sets the arguments anew; what is said before them is words of ours, without spaces.
        options=$*
        . "$file"
        exec $engine run $options --init --network "$(shared_of)" --volume "$(shared_of):/data" \
            --memory "$memory" --memory-swap "$memory" --pids-limit 512 --cap-drop ALL \
            --security-opt no-new-privileges --label "cgo.app=$app" --label cgo.env=production \
            --label "cgo.release=$(line_of "$s/release")" --label "cgo.op=$op" "$image" "$@"
    ) </dev/null 5>&- 6>&- 7>&- 8>&- 9>&-
}

# What a client says when its engine goes away.
GONE='cannot connect|error during connect|is the docker daemon running|unexpected EOF|connection re(fused|set)|shutting down'

driver_start() {
    started=
    # An engine that restarts in the midst of it leaves a container, or none: it is looked up by its label, and begun anew.
    for attempt in 1 2; do
        if begin_container "$1"; then started=yes; break; fi
        if engine_answers && ! grep -qiE "$GONE" "$base/slots/$1/started"; then break; fi
        say note "the container engine went away while the release was started"
        ends=$(($(uptime_of) + 30))
        until engine_answers || [ "$(uptime_of)" -ge $ends ]; do sleep 0.2; done
    done
    [ -n "$started" ] || { cat "$base/slots/$1/started"; return 1; }
    # What serves comes back after a crash and a reboot; a candidate does not.
    [ "$(active)" != "$1" ] || driver_keep "$1"
}

begin_container() {
    s=$base/slots/$1
    name=$(container_of "$1")
    made=$($engine inspect -f '{{.State.Running}} {{index .Config.Labels "cgo.generation"}}' "$name" 2>/dev/null)
    [ "$made" != "true $(line_of "$s/generation")" ] || return 0
    : >"$s/started"
    driver_stop "$1" || return 1
    port=$(line_of "$s/port")
    oom_kills >"$s/oom"
    run_image "$1" "$s/launch" --detach --name "$name" --publish "127.0.0.1:$port:$port" \
        --stop-timeout "$(line_of "$s/stop_after")" --log-driver json-file --log-opt max-size=10m --log-opt max-file=3 \
        --label "cgo.slot=$1" --label "cgo.generation=$(line_of "$s/generation")" >"$s/started" 2>&1
}

driver_keep() {
    $engine update --restart unless-stopped "$(container_of "$1")" >/dev/null 2>&1 ||
        say warning "this ${engine##* } cannot be told to start it again after a crash or a reboot: 'cgo incidents recover' does"
}

driver_state() {
    [ -n "$engine" ] || { printf 'unknown\t\tno container engine answers'; return; }
    seen=$($engine inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.State.Pid}} {{.RestartCount}} {{.HostConfig.Memory}}' \
        "$(container_of "$1")" 2>/dev/null) || { printf 'stopped\t\t'; return; }
    slot_folder=$base/slots/$1
    set -- $seen
    case $3:$1 in
    true:*) printf 'oom\t\t%s MB' $(($6 / 1048576)) ;;
    *:running) printf 'running\t%s-%s\t%s' "$4" "$5" "$5" ;;
    *:created) printf 'failed\t\tit was made and never started' ;;
    # Not every engine sees what the kernel does to a process inside.
    *) if [ "$2" = 137 ] && lacked_memory "$slot_folder"; then printf 'oom\t\t%s MB' $(($6 / 1048576))
        elif [ "$2" -gt 128 ]; then printf 'exited\t\tsignal %s' $(($2 - 128))
        else printf 'exited\t\texit code %s' "$2"; fi ;;
    esac
}

driver_stop() {
    engine_answers || { echo "no container engine answers"; return 1; }
    name=$(container_of "$1")
    $engine inspect "$name" >/dev/null 2>&1 || return 0
    grace=$(line_of "$base/slots/$1/stop_after")
    $engine update --restart no "$name" >/dev/null 2>&1
    $engine stop --time "${grace:-10}" "$name" >/dev/null || return 1
    if [ "$($engine inspect -f '{{.State.ExitCode}}' "$name")" = 137 ]; then
        say warning "the release in slot $1 did not end within ${grace:-10} s of SIGTERM and was killed"
    fi
    # What it said stays to be read.
    said_last 200 "$name" >"$base/slots/$1/log"
    $engine rm --force "$name" >/dev/null
}

# The last $1 lines that the container $2 said. Where a line was written in pieces, Podman's own tail loses some of them
# and turns the others round.
said_last() {
    case $engine in
    *podman) $engine inspect "$2" >/dev/null && $engine logs "$2" 2>&1 | tail -n "$1" ;;
    *) $engine logs --tail "$1" "$2" 2>&1 ;;
    esac
}

driver_log() { said_last "$2" "$(container_of "$1")" || tail -n "$2" "$base/slots/$1/log"; } 2>/dev/null
driver_log_from() { $engine logs "$(container_of "$1")" 2>&1 | wc -l; }

# Runs a command of an operator in the container of slot $1: `driver_exec SLOT MARK COMMAND…`.
driver_exec() {
    name=$(container_of "$1") mark=$2
    [ "$($engine inspect -f '{{.State.Running}}' "$name" 2>/dev/null)" = true ] || { echo "its container does not run" >&2; exit 69; }
    shift 2
    exec $engine exec --interactive --env "CGO_EXEC=$mark" "$name" "$@"
}

# Ends what carries the mark $2: an engine leaves a command to itself when its client ends.
driver_exec_end() { $engine exec "$(container_of "$1")" sh -c "$END_MARKED"' "$0"' "$2"; }

# As the container itself sees it.
driver_listeners() {
    pid=$($engine inspect -f '{{.State.Pid}}' "$(container_of "$1")" 2>/dev/null)
    [ "${pid:-0}" != 0 ] && [ -r "/proc/$pid/net/tcp" ] || return 0
    listening_of "" "/proc/$pid/net"
}

driver_once() { run_image "$1" "$2" --rm; }

# The image is there already; the release keeps its id, and what it and what its build left are called.
driver_build() {
    $engine image inspect "$p_image" >/dev/null 2>&1 || { because build "its image $p_image is not there"; return 1; }
    echo "$p_image" | write "$release_folder/image" && printf '%s\n%s\n' "$p_image_name" "$p_image_made" | write "$release_folder/image.names"
}

# Removes the image of release $1 and what its build left, where nothing uses them. What other releases stand on still is
# remembered for the next time.
driver_forget() {
    [ -s "$base/releases/$1/image" ] || return 0
    made="$(sed -n 2p "$base/releases/$1/image.names") $(cat "$base/images.left" 2>/dev/null)"
    forget_images "$engine" "$(line_of "$base/releases/$1/image.names")" "$(line_of "$base/releases/$1/image")" "$made" >/dev/null
    for one in $made; do
        if $engine image inspect "$one" >/dev/null 2>&1; then echo "$one"; fi
    done | write "$base/images.left"
}

# Everything the application has beside its folder.
driver_remove() {
    $engine network rm "$(shared_of)" >/dev/null 2>&1
    $engine volume rm "$(shared_of)" >/dev/null 2>&1 || :
}

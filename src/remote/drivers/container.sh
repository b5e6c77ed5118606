# Releases as containers, of Docker or Podman: one for each slot, on loopback only, in a network of its own, with limits.
# Only what has our names and our label, and images that a release of ours names, is ever touched; nothing is pruned.

# Which engine answers, as it is or through sudo: the one that it was deployed with, and no other, where it was. What an
# account's own Podman runs ends with the last session of the account, and nothing starts it with the machine: root's comes
# first, but for what has its data in the account's.
engine=
engines=$(line_of "$base/engine")
data=$HOME/.local/share/containers/storage/volumes/cgo-$app-production
for one in docker "sudo -n docker" "sudo -n podman" podman; do
    case ${engines:-${one##* }} in "${one##* }") ;; *) continue ;; esac
    case $one in sudo*) [ "$(id -u)" != 0 ] || continue ;; esac
    [ "$one" != "sudo -n podman" ] || [ ! -d "$data" ] || continue
    if command -v "${one##* }" >/dev/null && $one version >/dev/null 2>&1; then engine=$one; break; fi
done
engine_answers() { [ -n "$engine" ] && $engine version >/dev/null 2>&1; }
container_of() { echo "cgo-$app-production-$1"; }
shared_of() { echo "cgo-$app-production"; }

driver_check() { [ -n "$engine" ] || { echo "container engine that answers (${engines:-docker, podman})"; return 1; }; }

# The container $1 is there and ours; so is the network or volume, by $1, that the application's containers share.
has_container() { [ "$($engine container inspect -f '{{index .Config.Labels "cgo.app"}}' "$1" 2>/dev/null)" = "$app" ]; }
has_shared() { $engine "$1" ls --filter "label=cgo.app=$app" --format '{{.Name}}' | grep -qxF "$(shared_of)"; }

# Refuses to take what has a name of ours, and is not: the sort $1, the name $2.
not_ours() { because driver "a $1 named $2 is there that cgo has not made: rename or remove it"; }

driver_install() {
    [ -n "$engines" ] || write "$base/engine" 640 '%s\n' "${engine##* }" || return 1
    name=$(container_of "$p_slot")
    ! $engine container inspect "$name" >/dev/null 2>&1 || has_container "$name" || { not_ours container "$name"; return 1; }
    name=$(shared_of)
    for sort in network volume; do
        if ! $engine $sort inspect "$name" >/dev/null 2>&1; then
            $engine $sort create --label "cgo.app=$app" "$name" >/dev/null || return 1
        elif ! has_shared $sort; then
            not_ours $sort "$name"
            return 1
        fi
    done
}

# What containers are made of beside their image: the variables as the interface of engines takes them, and a limit.
driver_prepare() {
    write "$base/slots/$1/env.json" 600 %s "$p_env_json" && write "$base/slots/$1/memory" 640 '%s\n' "$p_memory_mb"
}

# Has the engine make the container $3 of the release in slot $1, with the command that the file $2 sets and the further
# fields $4 and those of its host $5, as the engine spells them. It is asked by its interface: a client would take
# variables from its own environment, where a PATH or DOCKER_HOST of the project changed what it does, or from arguments,
# where everybody can read them.
make_container() {
    s=$base/slots/$1
    image=$(line_of "$(line_of "$s/release_folder")/image")
    [ -n "$image" ] || { echo "the release has no image"; return 1; }
    [ -s "$s/env.json" ] || { echo "slot $1 was prepared by an older cgo: deploy again"; return 1; }
    memory=$(($(line_of "$s/memory") * 1048576))
    {
        printf '{"Image":"%s","Cmd":%s,"Env":' "$image" "$(. "$2" && printf '%s' "$cmd")"
        cat "$s/env.json"
        printf ',"Labels":{"cgo.app":"%s","cgo.env":"production","cgo.release":"%s","cgo.op":"%s"%s' \
            "$app" "$(line_of "$s/release")" "$op" "$4"
        printf ',"HostConfig":{"Init":true,"NetworkMode":"%s","Binds":["%s:/data"],"Memory":%s,"MemorySwap":%s' \
            "$(shared_of)" "$(shared_of)" "$memory" "$memory"
        printf ',"PidsLimit":512,"CapDrop":["ALL"],"SecurityOpt":["no-new-privileges"]%s}}' "$5"
    } | ask_engine "/containers/create?name=$3"
}

# Sends what stands on the input to the engine at the path $1 of its interface. What it answers where it refuses.
ask_engine() {
    rights= own=
    case $engine in sudo*) rights="sudo -n" ;; esac
    case $engine in
    *podman)
        # Podman has nobody who listens all the time.
        own=$(mktemp -d) || return 1
        socket=$own/socket
        $engine system service --time 5 "unix://$socket" </dev/null >"$own/said" 2>&1 &
        ends=$(($(uptime_of) + 30))
        until [ -S "$socket" ]; do
            [ -e "/proc/$!" ] && [ "$(uptime_of)" -lt $ends ] || { tail -n 1 "$own/said"; rm -rf "$own"; return 1; }
            sleep 0.05
        done
        ;;
    *)
        socket=$($engine context inspect --format '{{.Endpoints.docker.Host}}') || return 1
        case $socket in
        unix://*) socket=${socket#unix://} ;;
        *) echo "the container engine is not on this machine: $socket"; return 1 ;;
        esac
        ;;
    esac
    reply=$($rights curl -sS -m 60 --noproxy '*' --unix-socket "$socket" -H 'Content-Type: application/json' \
        --data-binary @- -w '\n%{http_code}' "http://engine$1" 2>&1)
    code=$?
    [ -z "$own" ] || rm -rf "$own"
    [ $code = 0 ] || { echo "cannot connect to the container engine: $reply"; return 1; }
    case $reply in *"
"2??) return 0 ;; esac
    echo "the container engine refuses: $(printf '%s' "$reply" | sed -n 's/.*"message":"\(.*\)".*/\1/p' | head -c 500)"
    return 1
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
    own=$(printf ',"cgo.slot":"%s","cgo.generation":"%s"},"StopTimeout":%s,"ExposedPorts":{"%s/tcp":{}}' \
        "$1" "$(line_of "$s/generation")" "$(line_of "$s/stop_after")" "$port")
    published=$(printf ',"PortBindings":{"%s/tcp":[{"HostIp":"127.0.0.1","HostPort":"%s"}]}' "$port" "$port")
    kept=',"LogConfig":{"Type":"json-file","Config":{"max-size":"10m","max-file":"3"}}'
    {
        make_container "$1" "$s/launch" "$name" "$own" "$published$kept" && $engine start "$name" >/dev/null
    } </dev/null >"$s/started" 2>&1 5>&- 6>&- 7>&- 8>&- 9>&-
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
    has_container "$name" || return 0
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

once_of() { echo "cgo-$app-production-once"; }

# 124 when the time was over; 125 when it was the engine that failed.
driver_once() {
    name=$(once_of)
    # What was begun before and left is not to work beside it.
    ! has_container "$name" || $engine rm --force "$name" >/dev/null 2>&1
    {
        make_container "$1" "$2" "$name" "}" "" || return 125
        within "$3" $engine start --attach "$name"
        code=$?
    } </dev/null 5>&- 6>&- 7>&- 8>&- 9>&-
    if [ $code != 0 ] && [ $code != 124 ]; then
        # A client that fails ends with a code, too: the container's own is the one that counts.
        case $($engine inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$name" 2>/dev/null) in
        "exited $code" | "stopped $code") ;;
        # It has no such program.
        "created 12"[67]) code=127 ;;
        *) code=125 ;;
        esac
    fi
    $engine rm --force "$name" >/dev/null 2>&1
    return $code
}

# The image is there already; the release keeps its id, and what it and what its build left are called.
driver_build() {
    $engine image inspect "$p_image" >/dev/null 2>&1 || { because build "its image $p_image is not there"; return 1; }
    write "$release_folder/image" 640 '%s\n' "$p_image" &&
        write "$release_folder/image.names" 640 '%s\n%s\n' "$p_image_name" "$p_image_made"
}

# Removes the image of release $1 and what its build left, where nothing uses them. What other releases stand on still is
# remembered for the next time.
driver_forget() {
    [ -s "$base/releases/$1/image" ] || return 0
    made="$(sed -n 2p "$base/releases/$1/image.names") $(cat "$base/images.left" 2>/dev/null)"
    forget_images "$engine" "$(line_of "$base/releases/$1/image.names")" "$(line_of "$base/releases/$1/image")" "$made" >/dev/null
    set --
    for one in $made; do ! $engine image inspect "$one" >/dev/null 2>&1 || set -- "$@" "$one"; done
    if [ $# = 0 ]; then write "$base/images.left" 640 ''; else write "$base/images.left" 640 '%s\n' "$@"; fi
}

# Everything the application has beside its folder.
driver_remove() {
    ! has_container "$(once_of)" || $engine rm --force "$(once_of)" >/dev/null 2>&1
    for sort in network volume; do
        ! has_shared $sort || $engine $sort rm "$(shared_of)" >/dev/null 2>&1
    done
    :
}

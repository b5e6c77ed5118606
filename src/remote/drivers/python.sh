# What drivers of plain Python processes share: a release's environment, and commands in it.

# Puts what keeps processes, and bounds their logs, where it is run from.
install_keeper() {
    [ -d "$root/bin" ] || mkdir -p "$root/bin" || return 1
    # Several applications may be put in place at once.
    {
        flock 8 || return 1
        printf '%s' "$KEEPER" | cmp -s - "$root/bin/keep" || write "$root/bin/keep" 750 %s "$KEEPER"
    } 8>>"$root/bin/keep.lock"
}

# What runs needs nothing beside its files.
driver_prepare() { :; }

# Runs a command of the release once, beside whatever serves: `driver_once SLOT FILE SECONDS ENDED`, the file sets its
# arguments, with the variables of the slot and hardly any others. 124 when the time was over. It goes on when whoever
# began it is killed: until it ends, it has the lock on descriptor 8, and when it ends well, it makes the file ENDED itself.
driver_once() {
    within "$3" env -i PATH="$release_folder/environment/bin:/usr/local/bin:/usr/bin:/bin" HOME="$HOME" LANG=C.UTF-8 \
        sh -c 'trap : TERM
            (env=$1 python=$3 text=$4; . "$2"; cd "$dir" && exec "$python" -ISB -c "$text" "$env" "$@") 8>&-
            code=$?
            [ $code != 0 ] || { date >"$5" && sync "$5" || sync; } 2>/dev/null
            exit $code' \
        once "$base/slots/$1/env" "$2" "$PYTHON" "$WITH_VALUES" "$4" </dev/null 5>&- 6>&- 7>&- 9>&-
}

# Runs a command of an operator in the folder of the release in slot $1, with its variables: `driver_exec SLOT MARK
# COMMAND…`. Its streams are those of the one who asks; the mark stands in its environment.
driver_exec() {
    s=$base/slots/$1 mark=$2
    shift 2
    exec env -i PATH="$(line_of "$s/release_folder")/environment/bin:/usr/local/bin:/usr/bin:/bin" HOME="$HOME" LANG=C.UTF-8 \
        CGO_EXEC="$mark" sh -c 'env=$1 launch=$2 python=$3 text=$4; shift 4; place() { . "$launch"; }; place
            cd "$dir" && exec "$python" -ISB -c "$text" "$env" "$@"' \
        exec "$s/env" "$s/launch" "$PYTHON" "$WITH_VALUES" "$@"
}

# Ends what carries the mark $2.
driver_exec_end() { end_marked "$2"; }

# Says where the pip is that comes with Python. It runs out of its wheel: to have `venv` unpack it into each environment
# takes longer than to install a service's packages.
PIP='import ensurepip, glob, os, sysconfig
folders = [sysconfig.get_config_var("WHEEL_PKG_DIR"), os.path.join(os.path.dirname(ensurepip.__file__), "_bundled")]
print([path for folder in folders if folder for path in glob.glob(os.path.join(folder, "pip-*.whl"))][0] + "/pip")'

# The commit's files and an environment of its locked dependencies, kept by the sum of the lock for the next release.
driver_build() {
    lock=$release_folder/source/$p_lock
    [ -f "$lock" ] || { because build "there is no lock file $p_lock"; return 1; }
    sum=$(cat "$lock" | sha256sum)
    kept=$root/environments/${sum%% *}
    if [ ! -e "$kept/complete" ]; then
        mkdir -p "$root/environments" || return 1
        exec 8>>"$root/environments/${sum%% *}.lock" && flock 8 || return 1
        if [ ! -e "$kept/complete" ]; then
            say note "installing the dependencies"
            rm -rf "$kept"
            python3 -c 'import sys; want = tuple(int(p) for p in sys.argv[1].split(".")); sys.exit(sys.version_info[:2] < want)' "$p_python" ||
                { because build "it needs Python $p_python; here is $(python3 --version 2>&1)"; return 1; }
            python3 -m venv --without-pip "$kept" && pip=$(python3 -c "$PIP") ||
                { because build "a Python environment cannot be made (python3-venv)"; return 1; }
            if grep -q '^[[:space:]]*[A-Za-z0-9]' "$lock"; then
                within "$p_build_within" "$kept/bin/python" "$pip" install --quiet --disable-pip-version-check --no-input \
                    --require-hashes --only-binary :all: -r "$lock"
                case $? in
                0) ;;
                124) because build "its dependencies were not installed within $p_build_within s"; return 1 ;;
                *) because build "pip cannot install the locked dependencies"; return 1 ;;
                esac
            fi
            sync -f "$kept" 2>/dev/null || sync
            : >"$kept/complete"
        fi
        exec 8>&-
    fi
    ln -sfn "$kept" "$release_folder/environment"
}

# Removes what only release $1 used.
driver_forget() {
    kept=$(readlink "$base/releases/$1/environment") || return 0
    case $kept in "$root/environments/"*) ;; *) return 0 ;; esac
    for link in "$root"/apps/*/*/releases/*/environment; do
        [ "$link" = "$base/releases/$1/environment" ] || [ "$(readlink "$link")" != "$kept" ] || return 0
    done
    rm -rf "$kept" "$kept.lock"
}

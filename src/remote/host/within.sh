# Seconds since the machine was started, in $up.
tick() { read -r up _ </proc/uptime; up=${up%%.*}; }
uptime_of() { tick; echo "$up"; }

# Runs a command for at most so many seconds: `within SECONDS COMMAND…`. 124 when the time was over, whether it took the
# hint or had to be killed 5 seconds later; what was killed for another reason keeps its code.
within() {
    tick
    within_begun=$up
    timeout -k 5 "$@"
    within_code=$?
    tick
    [ $within_code != 137 ] || [ $((up - within_begun)) -lt "$1" ] || within_code=124
    return $within_code
}

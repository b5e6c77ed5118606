# Seconds since the machine was started.
uptime_of() { read -r up _ </proc/uptime; echo "${up%%.*}"; }

# Runs a command for at most so many seconds: `within SECONDS COMMAND…`. 124 when the time was over, whether it took the
# hint or had to be killed 5 seconds later; what was killed for another reason keeps its code.
within() {
    within_begun=$(uptime_of)
    timeout -k 5 "$@"
    within_code=$?
    [ $within_code != 137 ] || [ $(($(uptime_of) - within_begun)) -lt "$1" ] || within_code=124
    return $within_code
}

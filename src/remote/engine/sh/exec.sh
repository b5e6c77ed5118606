# A command of an operator beside the release that serves. `$4` what: `exec` runs it, `exec-end` ends it; `$7` its mark, the
# other arguments are the command. The first line says whether there is a release to run it with; all else is the command's.
slot=$(active)
mark=$7
# Ends what carries the mark `$0` in its environment.
END_MARKED='for one in /proc/[0-9]*; do
    { tr "\000" "\n" <"$one/environ" | grep -qxF "CGO_EXEC=$0"; } 2>/dev/null && kill "${one#/proc/}"
done
true'
end_marked() { sh -c "$END_MARKED" "$1"; }
case $4 in
exec)
    [ -n "$slot" ] || { say nothing; exit 0; }
    state=$(driver_state "$slot")
    case $driver:${state%%"$tab"*} in
    container:running) ;;
    container:*) say stopped; exit 0 ;;
    esac
    say begun "$slot"
    shift 7
    driver_exec "$slot" "$mark" "$@"
    ;;
exec-end) [ -z "$slot" ] || driver_exec_end "$slot" "$mark" ;;
esac

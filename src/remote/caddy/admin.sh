# Asks over HTTP. `$1` a socket of this machine, or ADDRESS:PORT; `$2` the path; `$3` the name that is asked for. Prints
# the body of a good answer; 127 where nothing here can ask.
caddy_get() {
    if command -v curl >/dev/null 2>&1; then
        # $caddy_as: how its socket is reached.
        case $1 in
            # The only name that every version of Caddy takes there is none.
            /*) $caddy_as curl -fsS --max-time 5 --noproxy '*' --unix-socket "$1" -H 'Host;' "http://caddy$2" ;;
            *) curl -fsS --max-time 5 --noproxy '*' -H "Host: $3" "http://$1$2" ;;
        esac
    elif command -v perl >/dev/null 2>&1; then
        $caddy_as perl -MIO::Socket::UNIX -MIO::Socket::INET -e '
            alarm 5;
            my ($to, $path, $name) = @ARGV;
            my $socket = $to =~ m{^/} ? IO::Socket::UNIX->new(Peer => $to) : IO::Socket::INET->new(PeerAddr => $to);
            $socket or exit 7;
            print $socket "GET $path HTTP/1.0\r\nHost: $name\r\n\r\n";
            local $/;
            <$socket> =~ m{^HTTP/1\.\d 200 .*?\r\n\r\n(.*)}s or exit 22;
            print $1;
        ' "$1" "$2" "$3"
    else
        return 127
    fi
} 2>/dev/null

caddy_as=

# How many requests Caddy passes on to a port of this machine right now, open websockets included, or `unknown` when it
# cannot be asked. `$1` the root folder of projects, `$2` the port. Its socket is Caddy's own: another account asks as root.
caddy_in_flight() {
    if [ "$(id -u)" != 0 ] && [ ! -x "$1/caddy/run" ]; then caddy_as='sudo -n'; fi
    caddy_answer=$(caddy_get "$1/caddy/run/admin.sock" /reverse_proxy/upstreams "") || { echo unknown; return; }
    printf '%s\n' "$caddy_answer" | tr '{' '\n' | awk -v address="\"127.0.0.1:$2\"" '
        index($0, "\"address\":" address) && match($0, /"num_requests":[0-9]+/) {
            requests += substr($0, RSTART + 15, RLENGTH - 15)
        }
        END { print requests + 0 }
    '
}

# Raises or lowers a flag, on the disk. `$1` the folder `active`, `$2` the flag, `$3` on or off.
caddy_flag() {
    case $3 in
        on) [ -e "$1/$2" ] || { : >"$1/.$2.$$" && mv -f "$1/.$2.$$" "$1/$2"; } || { rm -f "$1/.$2.$$"; return 1; } ;;
        *) rm -f "$1/$2" || return 1 ;;
    esac
    sync "$1" 2>/dev/null || sync
}

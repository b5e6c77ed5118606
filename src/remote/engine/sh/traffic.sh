# Requests that an address of the old release still answers, by Caddy's own count; `unknown` where it cannot be asked.
caddy_in_flight() {
    count=$(curl -sS -m 2 --unix-socket "$root/caddy/admin.sock" http://localhost/reverse_proxy/upstreams 2>/dev/null |
        tr '{' '\n' | sed -n "s/.*\"address\":\"127\\.0\\.0\\.1:$1\".*\"num_requests\":\\([0-9]*\\).*/\\1/p" | head -n 1)
    echo "${count:-unknown}"
}

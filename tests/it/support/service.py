# A service without packages: answers with its release, and with the size of the file `changes` where there is one.
import http.server, json, os


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass

    def do_GET(self):
        size = os.path.getsize("changes") if os.path.exists("changes") else 0
        body = json.dumps({"release": os.environ["RELEASE"], "size": size}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()

//! A small service on a server over SSH, deployed and operated by the command line. It needs no packages, so that its
//! releases are made at once.

use std::path::PathBuf;

use serde_json::Value;

use super::whole::{git, ground, server};
use crate::support::env::{TestEnv, get};
use crate::support::projects::on_record;
use crate::support::sshd::Sshd;

/// Says which release it is, takes websockets, and does what files in its shared folder say: `wait` has its health
/// unanswered, `sick` has it fail until it is started again.
const APP: &str = r#"
import asyncio, os
release, shared = os.environ["RELEASE"], os.environ["SHARED"]
there = lambda name: os.path.exists(os.path.join(shared, name))
if there("sick"): os.remove(os.path.join(shared, "sick"))
print("started", release, flush=True)

async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            path = head[0].split(" ")[1]
            headers = {key.lower(): value for key, value in (line.split(": ", 1) for line in head[1:] if ": " in line)}
            if headers.get("upgrade") == "websocket":
                writer.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
                while data := await reader.read(4096):
                    writer.write(release.encode() + b":" + data)
                    await writer.drain()
                return
            if path.startswith("/say/"): print("asked for", path, flush=True)
            while path == "/health" and there("wait"): await asyncio.sleep(0.05)
            status = "503 Service Unavailable" if there("sick") else "200 OK"
            writer.write(f"HTTP/1.1 {status}\r\ncontent-length: {len(release)}\r\n\r\n{release}".encode())
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()

async def main():
    server = await asyncio.start_server(serve, os.environ["HOST"], int(os.environ["PORT"]))
    async with server: await server.serve_forever()

asyncio.run(main())
"#;

pub(super) const MANIFEST: &str = "version: 1\nname: shop\nserver: web\nservices:\n  backend:\n    workdir: web\n    \
    python: { requires: '3.8', lock: requirements.lock, dev_lock: requirements.lock }\n    \
    command: [python, -u, app.py]\n    port_env: PORT\n    health: /health\n    ready: /ready\n    stop_after: 2\n    \
    checks:\n      - name: tests\n        command: [python, check.py]\n";

/// Its tests: none is run, and the report says that one passed.
const CHECK: &str = r#"
import os, shlex
report = next(it.split("=", 1)[1] for it in shlex.split(os.environ["PYTEST_ADDOPTS"]) if it.startswith("--junitxml="))
open(report, "w").write("<testsuites><testsuite><testcase name='a'/></testsuite></testsuites>")
"#;

/// The folder of the application on its server.
pub(super) const BASE: &str = "/var/lib/cgo/apps/shop/production";

/// The service, its server, and who deploys it.
pub(super) struct Shop {
    pub env: TestEnv,
    pub host: Sshd,
    pub folder: PathBuf,
}

/// The lease on a project has run out, whatever the time, unless it is given back at this moment.
pub(super) fn run_out(host: &Sshd, project: &str) {
    let base = format!("/var/lib/cgo/apps/{project}/production");
    host.root(&format!("sed -i 's/^expires\\t.*/expires\\t1/' {base}/lease 2>/dev/null || :"));
}

impl Shop {
    /// A server that is set up, and a project that was never deployed. None where that cannot be had.
    pub fn open() -> Option<Self> {
        let (host, env) = ground()?;
        server(&env, &host, "web");
        Some(Self::on(host, env))
    }

    /// The same for a server that was added as `web`.
    pub fn on(host: Sshd, env: TestEnv) -> Self {
        let folder = env.work().join("shop");
        std::fs::create_dir_all(folder.join("web")).unwrap();
        for (name, text) in [
            ("web/app.py", APP),
            ("web/check.py", CHECK),
            ("web/requirements.lock", "# nothing\n"),
            ("cgo.yaml", MANIFEST),
            ("NOTES.md", "first"),
        ] {
            std::fs::write(folder.join(name), text).unwrap();
        }
        git(&folder, &["init", "-q", "-b", "main"]);
        git(&folder, &["add", "-A"]);
        git(&folder, &["commit", "-qm", "A shop"]);
        on_record(&env, "shop", "Shop", &folder);
        Self { env, host, folder }
    }

    /// Something new to deploy.
    pub fn commit(&self, text: &str) {
        std::fs::write(self.folder.join("NOTES.md"), text).unwrap();
        git(&self.folder, &["commit", "-qam", text]);
    }

    /// Deploys it, without a bake; its address and the release.
    pub fn deploy(&self) -> (String, String) {
        let made = self.env.json(["deploy", "shop", "--bake", "0"]);
        let text = |name: &str| made[name].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        (text("url"), text("release"))
    }

    /// The newest run; it is an operation there, once it has begun.
    pub fn newest(&self) -> String {
        self.env.json(["run", "list"])["runs"][0]["id"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether a step of the newest operation there was begun.
    pub fn has_begun(&self, step: &str) -> bool {
        let newest = self.newest();
        let look = format!("grep -c '\"step\":\"{step}\",\"mark\":\"intent\"' {BASE}/ops/{newest}/journal || :");
        self.host.root(&look).trim().parse::<u32>().is_ok_and(|count| count > 0)
    }

    /// What is not as it is when one whole release serves and nothing is left of any other; the release.
    pub fn whole(&self, url: &str) -> Result<String, String> {
        let (status, answer) = get(&format!("{url}/"));
        let seen = self.env.json(["deploy", "shop", "--status"]);
        if status != 200 || seen["serves"] != true {
            return Err(format!("`{answer}` answers with {status}: {seen}"));
        }
        let active = seen["releases"].as_array().into_iter().flatten().filter(|it| it["status"] == "active");
        let active: Vec<&Value> = active.map(|it| &it["release"]).collect();
        if active != [&Value::from(answer.as_str())] {
            return Err(format!("{active:?} is noted as active, and {answer} serves"));
        }
        let processes = self.host.root("pgrep -fc 'python -u app.py' || :");
        if processes.trim() != "1" {
            return Err(format!("{} processes run", processes.trim()));
        }
        let lock = self.env.json(["lock", "status", "shop"]);
        if !lock["servers"][0]["held"].is_null() {
            return Err(format!("the lock is still there: {lock}"));
        }
        Ok(answer)
    }
}

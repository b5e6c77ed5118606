//! Domains and certificates: with Pebble as the authority, its own DNS server, and servers that show bad certificates.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cgo::domain::diagnose::Diagnose as _;
use cgo::domain::domain_name::DomainName;
use cgo::domain::time::Timestamp;
use cgo::remote::caddy::certificate::{self, Roots};
use cgo::remote::caddy::{At, Base, dns};

use super::{free_port, never, on_both, runtime};
use crate::support::env::{missing, until};

/// A program that ends with its owner.
pub struct Running(Child);

impl Running {
    pub fn start(command: &mut Command) -> Self {
        let null = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(null.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn done(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn there(program: &str, package: &str) -> bool {
    let found =
        std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|at| at.join(program).exists()));
    if !found {
        missing(&format!("{program} (Debian: apt-get install {package})"));
    }
    found
}

fn domain(name: &str) -> DomainName {
    DomainName::parse(name).unwrap()
}

/// An authority, and a DNS server that says that every name is at one address.
pub struct Pebble {
    /// The address of its directory.
    pub directory: String,
    /// The certificate it proves who it is with; its key is `pebble.key` beside it.
    pub certificate: PathBuf,
    management: String,
    names: String,
    resolver: SocketAddr,
    _programs: [Running; 2],
}

impl Pebble {
    /// `here` is the address it is reached at; it believes whoever answers at `there`, on these ports.
    pub fn start(folder: &Path, here: &str, there: &str, http: u16, https: u16) -> Self {
        let (key, certificate) = (folder.join("pebble.key"), folder.join("pebble.pem"));
        done(
            Command::new("openssl")
                .args(
                    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=pebble"
                        .split(' '),
                )
                .args(["-addext", "basicConstraints=critical,CA:FALSE"])
                .args(["-addext", &format!("subjectAltName=IP:{here}"), "-keyout"])
                .arg(&key)
                .arg("-out")
                .arg(&certificate),
        );
        let (listen, management, names, told) = (free_port(), free_port(), free_port(), free_port());
        let config = serde_json::json!({ "pebble": {
            "listenAddress": format!("{here}:{listen}"), "managementListenAddress": format!("{here}:{management}"),
            "certificate": certificate, "privateKey": key, "httpPort": http, "tlsPort": https,
            "ocspResponderURL": "", "externalAccountBindingRequired": false,
        }});
        std::fs::write(folder.join("pebble.json"), config.to_string()).unwrap();
        let resolver = format!("127.0.0.1:{names}");
        let dns = Running::start(
            Command::new("pebble-challtestsrv")
                .args(["-dns01", &resolver, "-management", &format!("127.0.0.1:{told}")])
                .args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv4", there, "-defaultIPv6", ""]),
        );
        let pebble = Running::start(
            Command::new("pebble")
                .arg("-config")
                .arg(folder.join("pebble.json"))
                .args(["-dnsserver", &resolver])
                .env("PEBBLE_VA_NOSLEEP", "1")
                .env("PEBBLE_WFE_NONCEREJECT", "0"),
        );
        let management = format!("https://{here}:{management}");
        let up = Self {
            directory: format!("https://{here}:{listen}/dir"),
            certificate,
            management,
            names: format!("http://127.0.0.1:{told}"),
            resolver: resolver.parse().unwrap(),
            _programs: [dns, pebble],
        };
        until("Pebble answers", || up.ask("/roots/0").is_some());
        up
    }

    /// Has the authority, and nobody else, believe that a name is at an address.
    pub fn believes(&self, name: &str, address: &str) {
        let record = serde_json::json!({ "host": format!("{name}."), "addresses": [address] }).to_string();
        done(Command::new("curl").args(["-fsS", "--noproxy", "*", "-d", &record, &format!("{}/add-a", self.names)]));
    }

    fn ask(&self, path: &str) -> Option<String> {
        let mut curl = Command::new("curl");
        curl.args(["-fsS", "--noproxy", "*", "--cacert"]).arg(&self.certificate);
        let output = curl.arg(format!("{}{path}", self.management)).output().expect("curl starts");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

#[test]
fn a_domain_gets_a_certificate_and_it_is_read_as_a_visitor_reads_it() {
    if !there("pebble", "pebble") || !there("pebble-challtestsrv", "pebble") || !there("openssl", "openssl") {
        return;
    }
    on_both(&async |ground| {
        let address: std::net::Ipv4Addr = ground.address.parse().unwrap();
        // A host in a namespace sees this machine one address before its own.
        let here = if address.is_loopback() { address } else { std::net::Ipv4Addr::from(u32::from(address) - 1) };
        let (http, https) = (ground.base.http_port.unwrap(), ground.base.https_port.unwrap());
        let pebble = Pebble::start(&ground.folder, &here.to_string(), &ground.address, http, https);
        let name = domain("app.cgo-test.example");
        let server = [IpAddr::from(address)];

        let pointed = dns::check(&name, &server, Some(pebble.resolver)).await.unwrap();
        assert_eq!((pointed.ours.as_slice(), pointed.others.len()), (server.as_slice(), 0));
        let elsewhere = dns::check(&name, &["192.0.2.9".parse().unwrap()], Some(pebble.resolver)).await.unwrap_err();
        assert_eq!(elsewhere.kind().exit_code(), 9);
        assert!(elsewhere.to_string().contains(&format!("points to {address}, not")), "{elsewhere}");

        let base = Base {
            acme_ca: Some(pebble.directory.clone()),
            acme_ca_root: Some(pebble.certificate.display().to_string()),
            acme_email: Some("ops@cgo-test.example".to_owned()),
            ..ground.base.clone()
        };
        // One that asks another authority is not the one that is wanted.
        ground.caddy().ensure(&ground.base, &never()).await.unwrap();
        let caddy = ground.caddy().expecting(&base);
        let mut site = ground.site("notes");
        ground.app("blue", site.ports.blue).await;
        site.at = At::domains([name.clone()]).unwrap();
        let other = caddy.apply(&site, &never()).await.unwrap_err();
        assert!(matches!(other, cgo::remote::caddy::Error::NotSetUp { .. }), "{other}");
        caddy.ensure(&base, &never()).await.unwrap();
        caddy.apply(&site, &never()).await.unwrap();
        dns::reachable("web", address.into(), &[http, https], &[http, https]).await.unwrap();
        // A server that refuses is there, unless something should have answered.
        let free = free_port();
        dns::reachable("web", address.into(), &[free], &[]).await.unwrap();
        let closed = dns::reachable("web", address.into(), &[free], &[free]).await.unwrap_err();
        assert!(closed.to_string().contains("a firewall refuses"), "{closed}");

        let at = SocketAddr::from((address, https));
        let issuer = Roots::Pem(pebble.ask("/roots/0").unwrap());
        let begun = std::time::Instant::now();
        let read = loop {
            match certificate::read(at, &name, issuer.clone()).await {
                Ok(read) => break read,
                Err(error @ certificate::Error::None { .. }) => {
                    assert!(begun.elapsed() < Duration::from_mins(2), "{error}");
                }
                Err(other) => panic!("{other}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        assert_eq!(read.names, [name.as_str()]);
        assert!(read.issuer.starts_with("Pebble Intermediate") && read.chain >= 2, "{read:?}");
        let now = Timestamp(jiff::Timestamp::now().as_millisecond());
        assert!(read.not_before <= now && read.days_left(now) > 30, "{read:?}");
        let untrusted = certificate::read(at, &name, Roots::System).await.unwrap_err();
        assert!(matches!(&untrusted, certificate::Error::Untrusted { shown, .. } if *shown == read), "{untrusted}");
        let nobody = certificate::read(at, &domain("other.cgo-test.example"), issuer).await.unwrap_err();
        assert!(matches!(nobody, certificate::Error::None { .. }), "{nobody}");

        std::fs::write(ground.folder.join("root.pem"), pebble.ask("/roots/0").unwrap()).unwrap();
        let page = done(
            Command::new("curl")
                .args(["-fsS", "--noproxy", "*", "--resolve", &format!("{name}:{https}:{address}"), "--cacert"])
                .arg(ground.folder.join("root.pem"))
                .arg(format!("https://{name}:{https}/asked")),
        );
        let asked: serde_json::Value = serde_json::from_str(&page).unwrap();
        assert_eq!(asked["x-forwarded-proto"], "https");
    });
}

/// What `openssl ca` works by.
pub const AUTHORITY: &str = "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nnew_certs_dir=.\ncertificate=ca.pem\nprivate_key=ca.key\n\
                         rand_serial=yes\nunique_subject=no\ndefault_md=sha256\npolicy=p\ncopy_extensions=copy\n[p]\ncommonName=supplied\n";

#[test]
fn what_is_wrong_with_a_certificate_is_told_from_the_certificate() {
    if !there("openssl", "openssl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let openssl = |line: &str| done(Command::new("openssl").args(line.split(' ')).current_dir(folder.path()));
    std::fs::write(folder.path().join("index.txt"), "").unwrap();
    std::fs::write(folder.path().join("ca.cnf"), AUTHORITY).unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -days 30 -subj /CN=test-authority -keyout ca.key -out ca.pem"));
    let roots = Roots::Pem(std::fs::read_to_string(folder.path().join("ca.pem")).unwrap());
    let name = domain("app.example.com");
    let shown = |for_name: &str, from: &str, to: &str| {
        openssl(&format!("req {key} -subj /CN=x -addext subjectAltName=DNS:{for_name} -keyout a.key -out a.csr"));
        openssl(&format!("ca -batch -notext -config ca.cnf -in a.csr -out a.pem -startdate {from} -enddate {to}"));
        let port = free_port();
        let server = Running::start(
            Command::new("openssl")
                .args([
                    "s_server",
                    "-quiet",
                    "-accept",
                    &format!("127.0.0.1:{port}"),
                    "-cert",
                    "a.pem",
                    "-key",
                    "a.key",
                ])
                .current_dir(folder.path()),
        );
        until("a server", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        let read = runtime().block_on(certificate::read(([127, 0, 0, 1], port).into(), &name, roots.clone()));
        drop(server);
        read
    };
    let good = shown("app.example.com", "20240102030405Z", "20991231235959Z").unwrap();
    assert_eq!(
        (good.names, good.issuer.as_str(), good.chain),
        (vec!["app.example.com".to_owned()], "test-authority", 1)
    );
    assert_eq!(good.not_before, Timestamp(1_704_164_645_000));

    let expired = shown("app.example.com", "20200101000000Z", "20200201000000Z").unwrap_err();
    assert_eq!(
        expired.to_string(),
        "the certificate of `app.example.com` has expired: it was valid until 2020-02-01 00:00:00 UTC"
    );
    let early = shown("app.example.com", "20900101000000Z", "20910101000000Z").unwrap_err();
    assert!(matches!(early, certificate::Error::Early { .. }), "{early}");
    let other = shown("other.example.com", "20240101000000Z", "20991231235959Z").unwrap_err();
    assert_eq!(other.to_string(), "the certificate of `app.example.com` is for other.example.com");

    let port = free_port();
    let nobody =
        runtime().block_on(certificate::read(([127, 0, 0, 1], port).into(), &name, roots.clone())).unwrap_err();
    assert!(matches!(nobody, certificate::Error::Connect { .. }), "{nobody}");
    let bad = runtime().block_on(certificate::read(([127, 0, 0, 1], port).into(), &name, Roots::Pem("x".to_owned())));
    assert!(matches!(bad, Err(certificate::Error::Roots { .. })), "{bad:?}");
}

//! The archive of an image: what `docker save` writes is read, and one with fewer layers is written that Docker loads and
//! Podman pulls.
//!
//! It holds an image twice by name and once by content: as an OCI layout (`index.json`, `blobs/sha256/…`) and, for
//! Docker, a `manifest.json` that names the same blobs. A layer that the host has is named there and left out.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek as _, SeekFrom, Write};
use std::path::Path;

use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// What an archive is made of, in bytes; also the size of a header.
const BLOCK: u64 = 512;
const HEADER: usize = 512;

/// An archive that `docker save` wrote.
pub(super) struct Saved {
    file: File,
    config: Vec<u8>,
    layers: Vec<Span>,
}

/// Where the bytes of a file are.
#[derive(Clone, Copy)]
struct Span {
    at: u64,
    size: u64,
}

enum Entry {
    File(Span),
    Link(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Manifest {
    config: String,
    layers: Vec<String>,
}

fn bad(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

impl Saved {
    /// Reads what an archive holds.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let entries = entries(&mut file)?;
        let text = content(&mut file, find(&entries, "manifest.json")?)?;
        let mut manifests: Vec<Manifest> = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
        let (Some(manifest), true) = (manifests.pop(), manifests.is_empty()) else {
            return Err(bad("it holds another number of images than one"));
        };
        let config = content(&mut file, find(&entries, &manifest.config)?)?;
        let layers = manifest.layers.iter().map(|name| find(&entries, name)).collect::<io::Result<Vec<_>>>()?;
        Ok(Self { file, config, layers })
    }

    /// How many bytes the layers from one on have.
    pub fn size_from(&self, first: usize) -> u64 {
        self.layers.iter().skip(first).map(|span| span.size).sum()
    }

    /// Writes an archive of the same image under a name, without its first layers.
    pub fn write(&mut self, first: usize, reference: &str, to: &Path) -> io::Result<()> {
        let mut out = Tar(BufWriter::new(File::create(to)?));
        let mut layers = Vec::new();
        for (at, span) in self.layers.clone().into_iter().enumerate() {
            let (digest, packed) = self.digest(span)?;
            if at >= first {
                self.file.seek(SeekFrom::Start(span.at))?;
                out.file(&blob(&digest), span.size, &mut (&mut self.file).take(span.size))?;
            }
            layers.push((digest, span.size, packed));
        }
        let config = hex(&self.config);
        out.bytes(&blob(&config), &self.config.clone())?;
        let described: Vec<_> = layers
            .iter()
            .map(|(digest, size, packed)| {
                let sort = if *packed { "tar+gzip" } else { "tar" };
                let sort = format!("application/vnd.oci.image.layer.v1.{sort}");
                json!({ "mediaType": sort, "digest": format!("sha256:{digest}"), "size": size })
            })
            .collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": format!("sha256:{config}"),
                "size": self.config.len(),
            },
            "layers": described,
        })
        .to_string();
        let digest = hex(manifest.as_bytes());
        out.bytes(&blob(&digest), manifest.as_bytes())?;
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [{
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": format!("sha256:{digest}"),
                "size": manifest.len(),
                "annotations": {
                    "io.containerd.image.name": reference,
                    "org.opencontainers.image.ref.name": reference.rsplit(':').next(),
                },
            }],
        });
        out.bytes("index.json", index.to_string().as_bytes())?;
        out.bytes("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        let docker = json!([{
            "Config": blob(&config),
            "RepoTags": [reference],
            "Layers": layers.iter().map(|(digest, ..)| blob(digest)).collect::<Vec<_>>(),
        }]);
        out.bytes("manifest.json", docker.to_string().as_bytes())?;
        out.0.write_all(&[0; 2 * HEADER])?;
        out.0.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }

    /// The checksum of a layer, and whether it is packed with gzip.
    fn digest(&mut self, span: Span) -> io::Result<(String, bool)> {
        self.file.seek(SeekFrom::Start(span.at))?;
        let (mut sum, mut left, mut packed) = (Sha256::new(), span.size, false);
        let mut buffer = vec![0; 256 * 1024];
        while left > 0 {
            let want = usize::try_from(left).unwrap_or(buffer.len()).min(buffer.len());
            self.file.read_exact(&mut buffer[..want])?;
            packed |= left == span.size && buffer[..want].starts_with(&[0x1f, 0x8b]);
            sum.update(&buffer[..want]);
            left -= want as u64;
        }
        Ok((text(&sum.finalize()), packed))
    }
}

fn blob(digest: &str) -> String {
    format!("blobs/sha256/{digest}")
}

fn hex(bytes: &[u8]) -> String {
    text(&Sha256::digest(bytes))
}

fn text(sum: &[u8]) -> String {
    use std::fmt::Write as _;
    sum.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes any text");
        text
    })
}

/// What stands where in a tar archive.
fn entries(file: &mut File) -> io::Result<HashMap<String, Entry>> {
    let (mut entries, mut at, mut named) = (HashMap::new(), 0, None::<String>);
    let length = file.metadata()?.len();
    let mut header = [0_u8; HEADER];
    while at + BLOCK <= length {
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut header)?;
        if header.iter().all(|byte| *byte == 0) {
            break;
        }
        let word = |from: usize, size: usize| {
            let bytes = &header[from..from + size];
            String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
        };
        let size = u64::from_str_radix(word(124, 12).trim(), 8).map_err(|_| bad("a size in it is no number"))?;
        let span = Span { at: at + BLOCK, size };
        let prefix = if &header[257..262] == b"ustar" { word(345, 155) } else { String::new() };
        let plain = if prefix.is_empty() { word(0, 100) } else { format!("{prefix}/{}", word(0, 100)) };
        let name = |named: &mut Option<String>| named.take().unwrap_or_else(|| plain.clone());
        match header[156] {
            0 | b'0' => {
                entries.insert(name(&mut named), Entry::File(span));
            }
            b'2' => {
                entries.insert(name(&mut named), Entry::Link(word(157, 100)));
            }
            // The name of the next entry, where it is long.
            b'L' => named = Some(String::from_utf8_lossy(&content(file, span)?).trim_end_matches('\0').to_owned()),
            _ => {}
        }
        at += BLOCK + size.div_ceil(BLOCK) * BLOCK;
    }
    Ok(entries)
}

fn find(entries: &HashMap<String, Entry>, name: &str) -> io::Result<Span> {
    let mut name = name.to_owned();
    // A layer that is there twice is a link to the other.
    for _ in 0..3 {
        match entries.get(&name) {
            Some(Entry::File(span)) => return Ok(*span),
            Some(Entry::Link(to)) => {
                let mut parts: Vec<&str> = name.split('/').collect();
                parts.pop();
                for part in to.split('/') {
                    match part {
                        ".." => drop(parts.pop()),
                        "." => {}
                        other => parts.push(other),
                    }
                }
                name = parts.join("/");
            }
            None => break,
        }
    }
    Err(bad(format!("`{name}` is not in it")))
}

fn content(file: &mut File, span: Span) -> io::Result<Vec<u8>> {
    /// No description of an image is that large.
    const LIMIT: u64 = 16 * 1024 * 1024;
    if span.size > LIMIT {
        return Err(bad("a description in it is too large"));
    }
    file.seek(SeekFrom::Start(span.at))?;
    let mut bytes = Vec::new();
    file.take(span.size).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A tar archive that is written; the same files come to the same bytes.
struct Tar<W: Write>(W);

impl<W: Write> Tar<W> {
    fn bytes(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.file(name, bytes.len() as u64, &mut &*bytes)
    }

    fn file(&mut self, name: &str, size: u64, content: &mut impl Read) -> io::Result<()> {
        let mut header = [0_u8; HEADER];
        let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, name);
        put(100, "0000644\0");
        put(108, "0000000\0");
        put(116, "0000000\0");
        // Beyond eight gigabytes eleven octal digits are not enough.
        let digits = format!("{size:011o}");
        if digits.len() > 11 {
            return Err(bad("a layer is larger than 8 GB"));
        }
        put(124, &digits);
        put(136, "00000000000\0");
        put(148, "        ");
        put(156, "0");
        put(257, "ustar\u{0}00");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        let sum = format!("{sum:06o}\0 ");
        header[148..156].copy_from_slice(sum.as_bytes());
        self.0.write_all(&header)?;
        if io::copy(content, &mut self.0)? != size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let rest = usize::try_from(size.next_multiple_of(BLOCK) - size).expect("less than a block");
        self.0.write_all(&vec![0; rest])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(folder: &Path, layers: &[&[u8]]) -> Saved {
        let path = folder.join("saved.tar");
        let mut tar = Tar(File::create(&path).unwrap());
        let names: Vec<String> = (0..layers.len()).map(|at| format!("{at}/layer.tar")).collect();
        for (name, layer) in names.iter().zip(layers) {
            tar.bytes(name, layer).unwrap();
        }
        tar.bytes("config.json", br#"{"architecture":"amd64"}"#).unwrap();
        let manifest = json!([{ "Config": "config.json", "RepoTags": null, "Layers": names }]);
        tar.bytes("manifest.json", manifest.to_string().as_bytes()).unwrap();
        tar.0.write_all(&[0; 1024]).unwrap();
        Saved::open(&path).unwrap()
    }

    #[test]
    fn an_archive_names_all_layers_and_holds_those_that_are_missing() {
        let folder = std::env::temp_dir().join(format!("cgo-archive-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut whole = saved(&folder, &[b"base", &[7; 1500], b"top"]);
        assert_eq!(whole.size_from(1), 1503);
        let to = folder.join("part.tar");
        whole.write(1, "localhost/cgo/notes:r1", &to).unwrap();
        let mut file = File::open(&to).unwrap();
        let all = entries(&mut file).unwrap();
        assert!(find(&all, &blob(&hex(b"base"))).is_err(), "the host has it");
        assert!(find(&all, &blob(&hex(b"top"))).is_ok());
        let manifest = content(&mut file, find(&all, "manifest.json").unwrap()).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        assert_eq!(manifest[0]["Layers"][0], blob(&hex(b"base")));
        assert_eq!(manifest[0]["RepoTags"][0], "localhost/cgo/notes:r1");
        // What was written is what would be read again, by programs as by us.
        let listed = std::process::Command::new("tar").arg("-tf").arg(&to).output().unwrap();
        assert!(listed.status.success() && String::from_utf8_lossy(&listed.stdout).lines().count() == 7, "{listed:?}");
        assert!(Saved::open(&to).is_err(), "a layer is not in it");
        whole.write(0, "x:y", &to).unwrap();
        assert_eq!(Saved::open(&to).unwrap().size_from(0), 1507);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        let path = std::env::temp_dir().join(format!("cgo-no-archive-{}", std::process::id()));
        for bytes in [&b""[..], &[b'x'; 600], &[0; 1024]] {
            std::fs::write(&path, bytes).unwrap();
            assert!(Saved::open(&path).is_err());
        }
        std::fs::remove_file(&path).unwrap();
    }
}

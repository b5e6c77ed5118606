//! What the egress filter costs: the same 64 MB are copied, written to `/dev/null`, and looked through for secrets, in turn,
//! seven times; the medians and their ratios to the copy are printed. Thirty secrets are known, each in all of its
//! spellings. The text is what is written most: JSON with words, numbers and a little base64; once without a secret in
//! it, which is the usual case, and once with one in every 4 KB.

mod support;

use std::fs::OpenOptions;
use std::hint::black_box;
use std::io::Write as _;
use std::time::Instant;

use cgo::domain::redact::{Handle, Secrets};
use support::{median, milliseconds};

const MEGABYTES: u32 = 64;
const SIZE: usize = (MEGABYTES as usize) << 20;
const ROUNDS: usize = 7;

fn text(secrets: &[String]) -> Vec<u8> {
    let mut out = Vec::with_capacity(SIZE + 8192);
    let mut number = 0_u64;
    while out.len() < SIZE {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let line = format!(
            "{{\"role\":\"tool\",\"name\":\"read_file\",\"content\":\"def item_{number}(value: int) -> str:\\n    return \
             'c2VydmljZXMvYmFja2VuZA' + str(value + {}) # заметка\"}}\n",
            number % 977
        );
        out.extend_from_slice(line.as_bytes());
        if !secrets.is_empty() && out.len() % 4096 < 200 {
            out.extend_from_slice(secrets[usize::try_from(number % 30).unwrap_or(0)].as_bytes());
        }
    }
    out.truncate(SIZE);
    out
}

fn main() {
    let values: Vec<String> =
        (0..30_u64).map(|n| format!("sk-{:016x}/{n}+secret", n * 0x9e37_79b9_7f4a_7c15 % 0xffff_ffff)).collect();
    let secrets = Secrets::default();
    for (number, value) in values.iter().enumerate() {
        assert!(secrets.add(&Handle::new("bench", &format!("S{number}")), value));
    }
    let built = Instant::now();
    let redactor = secrets.redactor();
    println!("built for 30 secrets in {:?}", built.elapsed());
    let mut null = OpenOptions::new().write(true).open("/dev/null").expect("the system has it");
    let mut kept = vec![0_u8; SIZE];
    for (name, bytes) in [("without secrets", text(&[])), ("with one in 4 KB", text(&values))] {
        let [mut copy, mut write, mut clean] = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            let at = Instant::now();
            kept.copy_from_slice(black_box(&bytes));
            black_box(&kept);
            copy.push(at.elapsed());
            let at = Instant::now();
            null.write_all(black_box(&bytes)).expect("it takes everything");
            write.push(at.elapsed());
            let at = Instant::now();
            black_box(redactor.bytes(black_box(&bytes)));
            clean.push(at.elapsed());
        }
        let (copy, write, clean) = (median(copy), median(write), median(clean));
        let rate = f64::from(MEGABYTES) * 1_048_576.0 / clean.as_secs_f64() / 1e9;
        let ratio = clean.as_secs_f64() / copy.as_secs_f64();
        println!(
            "{name}: copy {:.1} ms, write {:.3} ms, redact {:.1} ms ({rate:.2} GB/s, {ratio:.1} times the copy)",
            milliseconds(copy),
            milliseconds(write),
            milliseconds(clean)
        );
    }
}

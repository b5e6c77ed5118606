//! Finding what a script wrote in what a host sent.

use std::collections::VecDeque;

/// The longest line that closes a frame, beyond the nonce: ` ends `, a number and a newline.
const ENDING: usize = 24;

/// Passes on what stands between `NONCE begins` and `NONCE ends CODE`, byte for byte.
#[derive(Debug)]
pub(super) struct Frame {
    begins: Vec<u8>,
    ends: Vec<u8>,
    /// What was sent before it began: its end.
    before: VecDeque<u8>,
    begun: bool,
    /// What may belong to the line that closes it.
    held: Vec<u8>,
    hold: usize,
}

/// How much of what came before a frame is kept to tell what was there instead.
const BEFORE: usize = 4096;

impl Frame {
    pub(super) fn new(nonce: &str) -> Self {
        Self {
            begins: format!("\n{nonce} begins\n").into_bytes(),
            ends: format!("{nonce} ends ").into_bytes(),
            before: VecDeque::new(),
            begun: false,
            held: Vec::new(),
            hold: nonce.len() + ENDING,
        }
    }

    /// Takes bytes as they come.
    pub(super) fn push(&mut self, bytes: &[u8], pass: &mut dyn FnMut(&[u8])) {
        if self.begun {
            self.held.extend_from_slice(bytes);
        } else {
            self.before.extend(bytes);
            let before = self.before.make_contiguous();
            if let Some(at) = find(before, &self.begins) {
                self.begun = true;
                self.held = before[at + self.begins.len()..].to_vec();
                self.before.truncate(at);
            } else {
                let excess = self.before.len().saturating_sub(BEFORE);
                self.before.drain(..excess);
                return;
            }
        }
        let ready = self.held.len() - self.closing();
        if ready > 0 {
            pass(&self.held[..ready]);
            self.held.drain(..ready);
        }
    }

    /// How many of the bytes at the end may belong to the line that closes the frame. All others are passed on at once:
    /// somebody may wait for them before more is sent.
    fn closing(&self) -> usize {
        let length = self.held.len();
        if let Some(at) = rfind(&self.held, &self.ends).filter(|at| length - at <= self.hold) {
            return length - at;
        }
        let longest = length.min(self.ends.len() - 1);
        (1..=longest).rev().find(|count| self.ends.starts_with(&self.held[length - count..])).unwrap_or(0)
    }

    /// Whether the script was begun.
    pub(super) fn begun(&self) -> bool {
        self.begun
    }

    /// What was sent before, or instead of, the frame.
    pub(super) fn before(&self) -> Vec<u8> {
        self.before.iter().copied().collect()
    }

    /// The host sends no more: passes on the rest, and tells the script's exit code if it ran to its end.
    pub(super) fn finish(&mut self, pass: &mut dyn FnMut(&[u8])) -> Option<i32> {
        if !self.begun {
            return None;
        }
        let at = rfind(&self.held, &self.ends);
        let rest = at.map_or(&self.held[..], |at| &self.held[..at]);
        if !rest.is_empty() {
            pass(rest);
        }
        let line = &self.held[at? + self.ends.len()..];
        let end = line.iter().position(|byte| *byte == b'\n')?;
        std::str::from_utf8(&line[..end]).ok()?.parse().ok()
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn rfind(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).rposition(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(chunks: &[&[u8]]) -> (Vec<u8>, Option<i32>, Vec<u8>) {
        let mut frame = Frame::new("N");
        let mut out = Vec::new();
        for chunk in chunks {
            frame.push(chunk, &mut |bytes| out.extend_from_slice(bytes));
        }
        let code = frame.finish(&mut |bytes| out.extend_from_slice(bytes));
        (out, code, frame.before())
    }

    #[test]
    fn noise_around_the_frame_is_no_part_of_it() {
        let sent = b"motd: N begins here\n\nN begins\n\0\xffN ends 1\ntextN ends 3\n";
        let wanted = b"\0\xffN ends 1\ntext".to_vec();
        assert_eq!(told(&[sent]), (wanted.clone(), Some(3), b"motd: N begins here\n".to_vec()));
        let bytes: Vec<&[u8]> = sent.chunks(1).collect();
        assert_eq!(told(&bytes).0, wanted);
        assert_eq!(told(&bytes).1, Some(3));
    }

    #[test]
    fn what_is_cut_off_has_no_code() {
        assert_eq!(told(&[b"\nN begins\nhalf"]), (b"half".to_vec(), None, Vec::new()));
        assert_eq!(told(&[b"\nN begins\nhalfN ends 1"]).1, None);
        assert_eq!(told(&[b"This account is currently not available.\n"]).1, None);
        assert_eq!(told(&[b"\nN begins\nN ends 0\n"]), (Vec::new(), Some(0), Vec::new()));
    }

    #[test]
    fn what_is_no_ending_is_passed_on_at_once() {
        let mut frame = Frame::new("cgo-7");
        let mut out = Vec::new();
        frame.push(b"\ncgo-7 begins\n", &mut |_| ());
        for (sent, seen) in
            [("ready\n", "ready\n"), (">>> ", "ready\n>>> "), ("cgo", "ready\n>>> "), ("!", "ready\n>>> cgo!")]
        {
            frame.push(sent.as_bytes(), &mut |bytes| out.extend_from_slice(bytes));
            assert_eq!(String::from_utf8_lossy(&out), seen);
        }
    }

    #[test]
    fn much_passes_through_without_being_kept() {
        let mut frame = Frame::new("N");
        let mut count = 0;
        frame.push(b"\nN begins\n", &mut |_| ());
        for _ in 0..1000 {
            frame.push(&[7; 1000], &mut |bytes| count += bytes.len());
        }
        assert_eq!((frame.held.len(), count), (0, 1_000_000));
        frame.push(b"N ends 0\n", &mut |bytes| count += bytes.len());
        assert_eq!(frame.finish(&mut |bytes| count += bytes.len()), Some(0));
        assert_eq!(count, 1_000_000);
    }
}

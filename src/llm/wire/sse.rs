//! Server-sent events, read from bytes as they come.
//!
//! Lines end with LF, CRLF or CR; a character may be split over two reads; comments, ids and retry times are passed
//! over. Nothing is decoded before its line is whole.

/// The longest event, in bytes.
const EVENT_LIMIT: usize = 8 * 1024 * 1024;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What the server calls it; empty when it says nothing.
    pub name: String,
    /// Its data; several lines are joined by LF.
    pub data: String,
}

/// Why the bytes are no events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// An event without an end.
    #[error("it sends an event of more than 8 MB")]
    TooLong,
    /// Not UTF-8.
    #[error("it sends bytes that are no UTF-8")]
    NotUtf8,
}

/// Where the reading stands.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    name: String,
    data: Option<String>,
    after_cr: bool,
    begun: bool,
}

impl Parser {
    /// Takes bytes, and hands out the events they complete.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<Vec<Event>, Malformed> {
        let mut events = Vec::new();
        if self.after_cr && !bytes.is_empty() {
            self.after_cr = false;
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.extend(&bytes[..end])?;
            events.extend(self.end_line()?);
            let cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            if cr {
                self.after_cr = bytes.is_empty();
                bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            }
        }
        self.extend(bytes)?;
        Ok(events)
    }

    /// What was begun when the bytes ended: some servers leave the last empty line out.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn finish(&mut self) -> Result<Option<Event>, Malformed> {
        if !self.line.is_empty() {
            self.end_line()?;
        }
        Ok(self.dispatch())
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let held = self.line.len() + self.data.as_ref().map_or(0, String::len);
        if held + bytes.len() > EVENT_LIMIT {
            return Err(Malformed::TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self) -> Result<Option<Event>, Malformed> {
        let bytes = std::mem::take(&mut self.line);
        let mut line = std::str::from_utf8(&bytes).map_err(|_| Malformed::NotUtf8)?;
        if !self.begun {
            self.begun = true;
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            "event" => value.clone_into(&mut self.name),
            // Comments have an empty field; ids and retry times mean nothing here.
            _ => {}
        }
        Ok(None)
    }

    fn dispatch(&mut self) -> Option<Event> {
        let name = std::mem::take(&mut self.name);
        self.data.take().map(|data| Event { name, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for piece in pieces {
            events.extend(parser.feed(piece).unwrap());
        }
        events.extend(parser.finish().unwrap());
        events.into_iter().map(|event| (event.name, event.data)).collect()
    }

    #[test]
    fn every_line_ending_and_spelling_is_read_however_it_is_cut() {
        let streams: [&[u8]; 4] = [
            "event: a\ndata: один\ndata: 2\n\ndata:three\n\n".as_bytes(),
            "event: a\r\ndata: один\r\ndata: 2\r\n\r\ndata:three\r\n\r\n".as_bytes(),
            "event: a\rdata: один\rdata: 2\r\rdata:three\r\r".as_bytes(),
            "\u{feff}: comment\nid: 7\nevent:a\nretry: 3\ndata: один\n:\ndata: 2\n\n\n\ndata:three".as_bytes(),
        ];
        let wanted = vec![("a".to_owned(), "один\n2".to_owned()), (String::new(), "three".to_owned())];
        for stream in streams {
            assert_eq!(read(&[stream]), wanted);
            for size in 1..6 {
                let pieces: Vec<&[u8]> = stream.chunks(size).collect();
                assert_eq!(read(&pieces), wanted, "pieces of {size}");
            }
        }
    }

    #[test]
    fn comments_and_names_alone_are_no_events() {
        assert!(read(&[b": OPENROUTER PROCESSING\n\nevent: ping\n\n"]).is_empty());
        assert_eq!(
            read(&[b"data\n\ndata:  x\n\n"]),
            [(String::new(), String::new()), (String::new(), " x".to_owned())]
        );
    }

    #[test]
    fn an_event_without_end_and_bytes_that_are_no_text_are_refused() {
        let mut parser = Parser::default();
        let piece = vec![b'x'; 1024 * 1024];
        let ended = (0..9).find_map(|_| parser.feed(&piece).err());
        assert_eq!(ended, Some(Malformed::TooLong));
        let mut lines = Parser::default();
        let ended = (0..9).find_map(|_| lines.feed(&[b"data: ", piece.as_slice(), b"\n"].concat()).err());
        assert_eq!(ended, Some(Malformed::TooLong));
        assert_eq!(Parser::default().feed(b"data: \xff\n"), Err(Malformed::NotUtf8));
    }
}

//! Bytes that come in pieces, as text.

/// What waits for the rest of a character.
#[derive(Default)]
pub(crate) struct Decoder {
    left: Vec<u8>,
}

impl Decoder {
    /// The text of what came, up to the last whole character. What is no UTF-8 becomes U+FFFD.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> String {
        self.left.extend_from_slice(bytes);
        let whole = self.left.len() - unfinished(&self.left);
        let rest = self.left.split_off(whole);
        let text = String::from_utf8_lossy(&self.left).into_owned();
        self.left = rest;
        text
    }
}

/// Bytes at the end that begin a character and may yet be continued.
fn unfinished(bytes: &[u8]) -> usize {
    let last = bytes.len().min(4);
    let starts = (1..=last).find(|back| bytes[bytes.len() - back] & 0xc0 != 0x80);
    let length = |first: u8| match first {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => 1,
    };
    starts.filter(|back| length(bytes[bytes.len() - back]) > *back).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    // A text is the same however it was cut.
    #[test]
    fn pieces_make_the_whole() {
        let text = "a\u{e4}\u{20ac}\u{1d11e}z";
        for cut in 0..=text.len() {
            let mut decoder = Decoder::default();
            let (first, second) = text.as_bytes().split_at(cut);
            assert_eq!(decoder.take(first) + &decoder.take(second), text);
        }
    }

    // What is no text does not wait for ever.
    #[test]
    fn garbage_is_replaced() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.take(&[b'a', 0xff, 0x80, b'b']), "a\u{fffd}\u{fffd}b");
        assert_eq!(decoder.take(&[0xe2, 0x82]), "");
        assert_eq!(decoder.take(b"x"), "\u{fffd}x");
    }
}

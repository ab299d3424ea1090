//! Arbitrary bytes as a peer sends them, against both readers. Shared by the tests and the fuzz target.

use forebay_protocol::{
    Call, FromDaemon, Id, LineBuffer, LineTooLong, MAX_LINE_BYTES, Notification, Request, error_line,
};

/// Takes `input` in pieces: its first byte says how long they are.
pub(crate) fn read(input: &[u8]) {
    let Some((&cut, text)) = input.split_first() else { return };
    let mut lines = LineBuffer::new();
    let mut got = Vec::new();
    for piece in text.chunks(usize::from(cut) * 16 + 1) {
        lines.push(piece);
        while let Some(line) = lines.next_line() {
            got.push(line.map(<[u8]>::to_vec));
        }
        assert!(lines.pending_bytes() < MAX_LINE_BYTES, "an unfinished line is bounded");
    }
    assert_eq!(got, reference(text), "how bytes are cut makes no difference");
    for line in got.into_iter().flatten() {
        as_daemon(&line);
        as_client(&line);
    }
}

/// What the lines are, found in the simple way.
fn reference(text: &[u8]) -> Vec<Result<Vec<u8>, LineTooLong>> {
    let mut lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
    let unfinished = lines.pop().unwrap_or_default();
    let whole = |line: &&[u8]| {
        if line.len() + 1 > MAX_LINE_BYTES {
            return Err(LineTooLong { most_bytes: MAX_LINE_BYTES });
        }
        Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec())
    };
    let mut all: Vec<_> = lines.iter().map(whole).collect();
    if unfinished.len() >= MAX_LINE_BYTES {
        all.push(Err(LineTooLong { most_bytes: MAX_LINE_BYTES }));
    }
    all
}

fn as_daemon(line: &[u8]) {
    match Request::parse(line) {
        Ok(request) => {
            assert!(Call::METHODS.contains(&request.call.method()));
            let id = request.id.unwrap_or(Id::Null);
            let answer = forebay_protocol::reply_line(&id, &forebay_protocol::Done {});
            assert!(answer.len() <= line.len() + 64);
            if let Id::Number(number) = id {
                let sent = number.to_string();
                let comes_back = line.windows(sent.len()).any(|piece| piece == sent.as_bytes());
                assert!(comes_back, "an id comes back as it was sent");
            }
        }
        Err(refusal) => {
            let answer = error_line(&refusal.id, &refusal.error);
            assert!(
                answer.len() < MAX_LINE_BYTES && answer.iter().filter(|byte| **byte == b'\n').count() == 1
            );
            let answer =
                FromDaemon::parse(answer.strip_suffix(b"\n").expect("a line")).expect("our own answer");
            assert_eq!(answer, FromDaemon::Reply { id: refusal.id, outcome: Err(refusal.error) });
        }
    }
}

fn as_client(line: &[u8]) {
    if let Ok(FromDaemon::Notification(news)) = FromDaemon::parse(line) {
        // Every field of what was taken is typed: formatting walks over all of it.
        assert!(!format!("{news:?}").is_empty());
        assert!(!matches!(news, Notification::Status(status) if status.producers.len() > line.len()));
    }
}

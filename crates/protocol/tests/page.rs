//! `docs/protocol.md` says what the code does: its examples are read by the code, its tables hold every name.

use forebay_protocol::{
    Call, ErrorWord, FromDaemon, HelloReply, MAX_LINE_BYTES, Notification, PROTOCOL_VERSION, Request,
    VoiceOpenReply,
};

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md");
    std::fs::read_to_string(path).expect("the protocol page")
}

/// The lines of all JSON examples.
fn examples() -> Vec<String> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in page().lines() {
        match line {
            "```json" => inside = true,
            "```" => inside = false,
            line if inside => lines.push(line.to_owned()),
            _ => {}
        }
    }
    lines
}

/// Every example is a request that the daemon takes, or the reply to the one before it, with exactly the members that
/// the daemon writes.
#[test]
fn examples_are_true() {
    let mut last = None;
    let (mut requests, mut replies) = (0, 0);
    for line in examples() {
        if line.contains("\"method\"") {
            last = Some(
                Request::parse(line.as_bytes()).unwrap_or_else(|refusal| panic!("{line}: {refusal:?}")).call,
            );
            requests += 1;
            continue;
        }
        let Ok(FromDaemon::Reply { outcome: Ok(result), .. }) = FromDaemon::parse(line.as_bytes()) else {
            panic!("no reply: {line}")
        };
        let again = match &last {
            Some(Call::Hello(_)) => {
                serde_json::to_value(serde_json::from_value::<HelloReply>(result.clone()).expect(&line))
            }
            Some(Call::VoiceOpen(_)) => {
                serde_json::to_value(serde_json::from_value::<VoiceOpenReply>(result.clone()).expect(&line))
            }
            other => panic!("an answer to {other:?} is not expected here"),
        };
        assert_eq!(again.expect("it serializes"), result, "{line}");
        replies += 1;
    }
    assert_eq!((requests, replies), (2, 2));
}

/// Every method, notification, error word and code is on the page, and so are the versions and the line limit.
#[test]
fn nothing_is_left_out() {
    let page = page();
    for name in Call::METHODS.iter().chain(Notification::METHODS) {
        assert!(page.contains(&format!("`{name}`")) || page.contains(&format!("`{name} {{")), "{name}");
    }
    for word in ErrorWord::ALL {
        let name = serde_json::to_value(word).expect("a word");
        let name = name.as_str().expect("a text");
        assert!(page.contains(&format!("`{name}`")), "{name}");
        let in_a_range =
            (-32_602..=-32_600).contains(&word.code()) || (-32_008..=-32_007).contains(&word.code());
        assert!(page.contains(&word.code().to_string()) || in_a_range, "{name} {}", word.code());
    }
    assert!(page.contains(&format!("protocol version **{PROTOCOL_VERSION}**")));
    assert!(page.contains(&MAX_LINE_BYTES.to_string()));
}

//! What each example costs on each runtime that is there, in per cent of one core at real time: the code, the mix and the
//! file. A render's start is in it, so it is long.
#![forbid(unsafe_code)]

#[path = "../../../tests/runtimes/cost.rs"]
mod cost;

const SECONDS: u32 = 20;

fn main() {
    // `cargo test` runs benches too, to see that they do.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtimes = cost::runtimes();
    for example in cost::examples() {
        let renders: Vec<_> =
            runtimes.iter().map(|runtime| cost::render(&example, runtime, SECONDS)).collect();
        let whole = |render: &cost::Render| render.samples.len() == 2 * 48_000 * SECONDS as usize;
        assert!(renders.iter().all(whole), "a render is as long as was asked for");
        println!("{}", cost::line(&example, &renders));
    }
}

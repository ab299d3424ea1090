//! Runs a module.
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let entry = std::path::absolute(&args[0]).unwrap();
    std::process::exit(forebay_quickjs::run(&entry, &args[1..]).unwrap());
}

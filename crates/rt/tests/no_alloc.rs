//! The no-alloc guard, with its allocator in place.

use forebay_rt::AllocDisabler;
use std::process::Command;

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

/// An allocation behind the door ends the process; the same outside does not. Run in a child, since it aborts.
#[test]
fn allocation_behind_the_door_aborts() {
    if std::env::var_os("FOREBAY_RT_CHILD").is_some() {
        drop(std::hint::black_box(vec![1_u8; 100]));
        eprintln!("outside is fine");
        forebay_rt::enter(|| drop(std::hint::black_box(vec![1_u8; 100])));
        eprintln!("survived");
        return;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "allocation_behind_the_door_aborts", "--nocapture"])
        .env("FOREBAY_RT_CHILD", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr);
    assert!(said.contains("outside is fine"), "{said}");
    assert!(!child.status.success() && !said.contains("survived"), "{said}");
}

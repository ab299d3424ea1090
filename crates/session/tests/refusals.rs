//! Neither side takes what could hurt it.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use forebay_session::layout::{self, CONTROL_BYTES};
use forebay_session::{Guest, GuestError, Host, HostConfig, Memory, MemoryError, OpenSlotError, os};
use ring::{Reader, ReaderConfig, RingShape};
use rustix::fs::{MemfdFlags, SealFlags};
use units::{ChannelCount, SampleRate};

fn host() -> Host {
    Host::new(HostConfig { session_id: 1, rate: SampleRate::DEFAULT, crossfade_frames: 240, first: 0 })
        .unwrap()
}

fn adopt(host: &Host) -> Memory {
    let fd = host.control().fd().try_clone_to_owned().unwrap();
    Memory::adopt(fd, CONTROL_BYTES as u64).unwrap()
}

/// A memfd as a daemon makes it, but for its seals.
fn memfd(bytes: u64, seals: SealFlags) -> OwnedFd {
    let fd = rustix::fs::memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    rustix::fs::ftruncate(&fd, bytes).unwrap();
    rustix::fs::fcntl_add_seals(&fd, seals).unwrap();
    fd
}

/// Memory that lacks a seal could be truncated under our feet (or have one added that locks us out): refused before it
/// is mapped. A plain file knows no seals at all.
#[test]
fn a_guest_refuses_memory_without_seals() {
    let bytes = CONTROL_BYTES as u64;
    let adopt = |fd: OwnedFd| Memory::adopt(fd, bytes);
    let file = tempfile::tempfile().unwrap();
    file.set_len(bytes).unwrap();
    assert!(matches!(adopt(file.into()), Err(MemoryError::NotSealed)));
    let all = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    assert!(matches!(adopt(memfd(bytes, SealFlags::empty())), Err(MemoryError::NotSealed)));
    for missing in all.iter() {
        let refused = adopt(memfd(bytes, all - missing));
        assert!(matches!(refused, Err(MemoryError::NotSealed)), "without {missing:?}");
    }
    assert!(adopt(memfd(bytes, all)).is_ok());
}

/// New memory has all of its pages before anybody maps it: where there are none left, making it fails.
#[test]
fn new_memory_is_allocated() {
    let fd = os::create_sealed("test", CONTROL_BYTES).unwrap();
    assert_eq!(os::present_bytes(fd.as_fd()).unwrap(), CONTROL_BYTES as u64);
}

/// A page that can't be had is an answer, not a signal. (Pages beyond the end of a file are such: the kernel refuses them
/// as it refuses those that a full machine has no room for.)
#[test]
fn a_page_that_cannot_be_had_is_an_error() {
    let fd = memfd(4096, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL);
    let refused = os::Mapping::new(fd.as_fd(), 3 * 4096).expect_err("two pages are not there");
    assert_eq!(refused.kind(), std::io::ErrorKind::OutOfMemory);
}

/// A shape that can't be is named as such, before any memory is made for it.
#[test]
fn an_impossible_shape_is_refused_first() {
    let mut host = host();
    for capacity_frames in [0, 1, 1000, 1 << 27, 1 << 31, u32::MAX] {
        let refused = host.open_slot(ChannelCount::MONO, capacity_frames);
        assert!(matches!(refused, Err(OpenSlotError::Shape(_))), "{capacity_frames}: {refused:?}");
    }
    assert_eq!(host.ring_bytes(), 0);
}

/// Another size than announced is refused, in both directions, and so is a path to nowhere.
#[test]
fn a_guest_refuses_another_size() {
    let host = host();
    for announced in [CONTROL_BYTES as u64 - 1, CONTROL_BYTES as u64 + 1, 0, u64::MAX] {
        let fd = host.control().fd().try_clone_to_owned().unwrap();
        assert!(matches!(Memory::adopt(fd, announced), Err(MemoryError::Size { .. })), "{announced}");
    }
    let small = Memory::create("small", 4096).unwrap();
    assert!(matches!(Guest::new(small), Err(GuestError::Memory(MemoryError::Size { .. }))));
    let nowhere = Memory::open(std::path::Path::new("/proc/self/fd/9999"), 4096);
    assert!(matches!(nowhere, Err(MemoryError::Open { .. })));
}

/// Wrong magic, version, slots or rate: each is named, and what to do about a version.
#[test]
fn a_guest_refuses_another_header() {
    let with = |field: usize, value: u32| {
        let host = host();
        let file = std::fs::File::from(host.control().fd().try_clone_to_owned().unwrap());
        file.write_all_at(&value.to_le_bytes(), field as u64).unwrap();
        Guest::new(adopt(&host)).expect_err("must be refused")
    };
    assert!(matches!(with(layout::header::MAGIC, 0), GuestError::Magic(0)));
    let version = with(layout::header::LAYOUT_VERSION, 2);
    assert!(matches!(version, GuestError::Version(2)));
    assert!(version.to_string().contains("forebay restart"), "{version}");
    assert!(matches!(with(layout::header::SLOTS, 65), GuestError::Header { what: "slots", found: 65, .. }));
    assert!(matches!(with(layout::header::TOTAL_BYTES, 5), GuestError::Header { .. }));
    assert!(matches!(with(layout::header::EVENT_CAPACITY, 0), GuestError::Header { .. }));
    assert!(matches!(with(layout::header::RATE_HZ, 0), GuestError::Rate(_)));
    assert!(Guest::new(adopt(&host())).is_ok());
}

/// A producer can neither shrink nor grow nor unseal what it was handed; what it can do, punch holes, is left to the
/// count of faults.
#[test]
fn truncation_is_refused_by_the_seals() {
    let mut host = host();
    let slot = host.open_slot(ChannelCount::STEREO, 4096).unwrap();
    for memory in [host.control(), host.samples(slot).unwrap()] {
        let file = std::fs::File::from(os::open_by_path(&memory.path()).unwrap());
        let before = file.metadata().unwrap().len();
        assert_eq!(before, memory.bytes() as u64);
        for bytes in [0, before - 1, before + 1] {
            let error = file.set_len(bytes).expect_err("sealed");
            assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
        }
        assert!(!host.has_hole());
        os::punch_hole(file.as_fd(), 0, before).unwrap();
        assert!(host.has_hole());
        assert_eq!(file.metadata().unwrap().len(), before);
        memory.region(); // still mapped
        file.write_all_at(&vec![0; before as usize], 0).unwrap();
    }
    assert!(!host.has_hole());
}

/// A ring that does not fit its announced shape is refused, and so is a slot beyond the table.
#[test]
fn a_guest_refuses_a_ring_of_another_shape() {
    let mut host = host();
    let slot = host.open_slot(ChannelCount::MONO, 4096).unwrap();
    let guest = Guest::new(adopt(&host)).unwrap();
    let samples = Memory::open(&host.samples(slot).unwrap().path(), 4096 * 4).unwrap();
    let shape = |channels, capacity_frames| RingShape { channels, capacity_frames, first: 0 };
    assert!(guest.ring(0, &samples, shape(ChannelCount::MONO, 4096)).is_ok());
    assert!(guest.ring(0, &samples, shape(ChannelCount::STEREO, 4096)).is_err());
    assert!(guest.ring(0, &samples, shape(ChannelCount::MONO, 4095)).is_err());
    assert!(guest.ring(64, &samples, shape(ChannelCount::MONO, 4096)).is_err());
}

/// A slot is used again only after the engine's Reader is gone and the samples are unmapped; the bytes count so long.
#[test]
fn a_slot_returns_after_its_reader() {
    use forebay_session::SlotState;
    let mut host = host();
    let slot = host.open_slot(ChannelCount::MONO, 2048).unwrap();
    let reader = Reader::attach(host.ring(slot).unwrap().clone(), ReaderConfig::default());
    host.close_slot(slot);
    assert_eq!(host.slot_state(slot), SlotState::Leaving);
    assert!(host.ring(slot).is_none() && host.samples(slot).is_none());
    let other = host.open_slot(ChannelCount::MONO, 2048).unwrap();
    assert_ne!(other, slot);
    assert_eq!(host.ring_bytes(), 2 * 2048 * 4);
    drop(reader);
    assert_eq!(host.slot_state(slot), SlotState::Free);
    assert_eq!(host.open_slot(ChannelCount::MONO, 2048).unwrap(), slot);
}

/// 64 slots and no more; a capacity that is no power of two leaves nothing behind.
#[test]
fn sixty_four_slots() {
    let mut host = host();
    assert!(host.open_slot(ChannelCount::MONO, 1000).is_err());
    for slot in 0..layout::SLOTS {
        assert_eq!(host.open_slot(ChannelCount::MONO, 1024).unwrap(), slot);
    }
    assert!(matches!(host.open_slot(ChannelCount::MONO, 1024), Err(OpenSlotError::Full)));
}

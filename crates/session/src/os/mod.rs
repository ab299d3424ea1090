//! What differs from system to system: shared memory, seals, credentials, descriptors on a socket.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::{
    Mapping, Peer, SESSION_FD, create_sealed, inherited_socket, leave_socket, open_by_path, own_path,
    own_uid, peer, present_bytes, punch_hole, receive, seals_missing, send,
};

#[cfg(not(target_os = "linux"))]
compile_error!("forebay's sessions need memfd and seals, which only Linux has");

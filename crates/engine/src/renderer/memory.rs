//! Where the Renderer's memory lies, for whoever keeps it resident.

use super::Renderer;

impl Renderer {
    /// First byte and length in bytes of the large pieces of memory that every block may touch. They stay where they are
    /// while the Renderer does. (What is smaller, and each voice, was touched when it was made.) `[control]`
    pub fn memory(&self) -> impl Iterator<Item = (*const u8, usize)> {
        [
            place(std::slice::from_ref(self)),
            place(&self.scratch.voice),
            place(&self.scratch.tapped),
            place(&self.routes),
            place(&self.groups),
            place(&self.committed),
            self.slots.memory(),
        ]
        .into_iter()
        .chain(self.events.memory())
    }
}

/// Where a slice lies.
pub(super) fn place<T>(slice: &[T]) -> (*const u8, usize) {
    (slice.as_ptr().cast(), size_of_val(slice))
}

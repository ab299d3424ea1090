//! Bits one after the other, the highest of each number first, and the two checksums of a FLAC frame.

/// What bits are appended to.
#[derive(Debug, Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    /// The last bits, at the low end, that make no whole byte yet.
    held: u64,
    count: u32,
}

impl Bits {
    /// Appends the low `count` bits of `value`, 0 to 32 of them.
    #[inline]
    pub(super) fn put(&mut self, value: u32, count: u32) {
        debug_assert!(count <= 32);
        let low = (1_u64 << count) - 1;
        self.held = self.held << count | u64::from(value) & low;
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            self.bytes.push((self.held >> self.count) as u8);
        }
    }

    /// Appends a number with its sign.
    #[inline]
    pub(super) fn put_signed(&mut self, value: i32, count: u32) {
        self.put(value as u32, count);
    }

    /// Appends `zeros` zeros and a one.
    #[inline]
    pub(super) fn put_unary(&mut self, mut zeros: u32) {
        while zeros >= 32 {
            self.put(0, 32);
            zeros -= 32;
        }
        self.put(1, zeros + 1);
    }

    /// Fills up the last byte with zeros.
    pub(super) fn align(&mut self) {
        self.put(0, (8 - self.count) % 8);
    }

    /// The whole bytes so far.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// CRC-8, polynomial x^8 + x^2 + x + 1: of a frame's header.
pub(super) fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, byte| CRC8[usize::from(crc ^ byte)])
}

/// CRC-16, polynomial x^16 + x^15 + x^2 + 1: of a whole frame.
pub(super) fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| crc << 8 ^ CRC16[usize::from((crc >> 8) as u8 ^ byte)])
}

const CRC8: [u8; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let (mut crc, mut bit) = (at as u8, 0);
        while bit < 8 {
            crc = if crc & 0x80 == 0 { crc << 1 } else { crc << 1 ^ 0x07 };
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
};

const CRC16: [u16; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let (mut crc, mut bit) = ((at as u16) << 8, 0);
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x8005 };
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of all lengths stand where they were put, across the borders of bytes.
    #[test]
    fn bits_stand_in_a_row() {
        let mut bits = Bits::default();
        bits.put(0b101, 3);
        bits.put_unary(34);
        bits.put_signed(-2, 7);
        bits.put(u32::MAX, 32);
        bits.put(9, 0);
        bits.align();
        // 101, 34 zeros, 1, 1111110, 32 ones, 3 zeros.
        assert_eq!(bits.bytes(), [0xa0, 0, 0, 0, 0x07, 0xf7, 0xff, 0xff, 0xff, 0xf8]);
    }

    /// The check values of both checksums (CRC-8/SMBUS, CRC-16/UMTS).
    #[test]
    fn checksums() {
        assert_eq!((crc8(b"123456789"), crc16(b"123456789")), (0xf4, 0xfee8));
    }
}

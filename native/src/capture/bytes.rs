//! Reading numbers from hostile bytes: every accessor is total.

#[inline]
pub fn be16(b: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(b.get(at..at + 2)?.try_into().ok()?))
}

pub fn be24(b: &[u8], at: usize) -> Option<u32> {
    let b = b.get(at..at + 3)?;
    Some(u32::from(b[0]) << 16 | u32::from(b[1]) << 8 | u32::from(b[2]))
}

pub fn be32(b: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(b.get(at..at + 4)?.try_into().ok()?))
}

pub fn be64(b: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(b.get(at..at + 8)?.try_into().ok()?))
}

/// A number in the byte order a file declared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    Big,
    Little,
}

impl Order {
    pub fn u16(self, b: &[u8], at: usize) -> Option<u16> {
        let b = b.get(at..at + 2)?.try_into().ok()?;
        Some(match self {
            Order::Big => u16::from_be_bytes(b),
            Order::Little => u16::from_le_bytes(b),
        })
    }

    #[inline(always)]
    pub fn u32(self, b: &[u8], at: usize) -> Option<u32> {
        let b = b.get(at..at + 4)?.try_into().ok()?;
        Some(match self {
            Order::Big => u32::from_be_bytes(b),
            Order::Little => u32::from_le_bytes(b),
        })
    }

    pub fn u64(self, b: &[u8], at: usize) -> Option<u64> {
        let b = b.get(at..at + 8)?.try_into().ok()?;
        Some(match self {
            Order::Big => u64::from_be_bytes(b),
            Order::Little => u64::from_le_bytes(b),
        })
    }
}

//! Reading the TLS presentation language as MLS writes it (RFC 9420 2.1): big-endian integers, and vectors whose length
//! is a variable-length integer in the shortest form that holds it.

/// Why bytes were not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The bytes end inside a value.
    #[error("the bytes end inside a value")]
    Truncated,
    /// A length that would have fitted fewer bytes; RFC 9420 2.1.2 demands the shortest form.
    #[error("a length is not in its shortest form")]
    NotMinimal,
    /// A length of eight bytes: RFC 9420 2.1.2 ends at 30 bits.
    #[error("a length beyond 30 bits")]
    LengthTooLarge,
    /// Bytes are left after the value.
    #[error("bytes are left after the value")]
    Trailing,
}

/// Bytes that are read from front to back, without copies.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the first of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`TlsError::Truncated`].
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], TlsError> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(TlsError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TlsError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(TlsError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    /// An integer of one byte.
    ///
    /// # Errors
    /// [`TlsError::Truncated`].
    pub fn u8(&mut self) -> Result<u8, TlsError> {
        self.array().map(|[byte]| byte)
    }

    /// An integer of two bytes.
    ///
    /// # Errors
    /// [`TlsError::Truncated`].
    pub fn u16(&mut self) -> Result<u16, TlsError> {
        self.array().map(u16::from_be_bytes)
    }

    /// An integer of four bytes.
    ///
    /// # Errors
    /// [`TlsError::Truncated`].
    pub fn u32(&mut self) -> Result<u32, TlsError> {
        self.array().map(u32::from_be_bytes)
    }

    /// An integer of eight bytes.
    ///
    /// # Errors
    /// [`TlsError::Truncated`].
    pub fn u64(&mut self) -> Result<u64, TlsError> {
        self.array().map(u64::from_be_bytes)
    }

    /// The length before a vector: one, two or four bytes, whose first two bits tell which.
    ///
    /// # Errors
    /// [`TlsError::Truncated`], [`TlsError::NotMinimal`] or [`TlsError::LengthTooLarge`].
    pub fn length(&mut self) -> Result<usize, TlsError> {
        let first = self.u8()?;
        let mut value = usize::from(first & 0x3f);
        let (more, least) = match first >> 6 {
            0 => (0, 0),
            1 => (1, 1 << 6),
            2 => (3, 1 << 14),
            _ => return Err(TlsError::LengthTooLarge),
        };
        for _ in 0..more {
            value = value << 8 | usize::from(self.u8()?);
        }
        if value < least {
            return Err(TlsError::NotMinimal);
        }
        Ok(value)
    }

    /// A vector of bytes (`opaque value<V>`).
    ///
    /// # Errors
    /// Any [`TlsError`] but `Trailing`.
    pub fn vector(&mut self) -> Result<&'a [u8], TlsError> {
        let length = self.length()?;
        self.take(length)
    }

    /// The bytes that were not read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`TlsError::Trailing`] when bytes are left.
    pub fn finish(self) -> Result<(), TlsError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(TlsError::Trailing)
        }
    }
}

/// Appends the length of a vector in its shortest form.
///
/// # Errors
/// [`TlsError::LengthTooLarge`] from 2^30 on.
pub fn write_length(length: usize, out: &mut Vec<u8>) -> Result<(), TlsError> {
    let value = u32::try_from(length).map_err(|_| TlsError::LengthTooLarge)?;
    match value {
        0..=0x3f => out.extend(&value.to_be_bytes()[3..]),
        0x40..=0x3fff => out.extend(&(value | 0x4000).to_be_bytes()[2..]),
        0x4000..=0x3fff_ffff => out.extend((value | 0x8000_0000).to_be_bytes()),
        _ => return Err(TlsError::LengthTooLarge),
    }
    Ok(())
}

/// Appends a vector of bytes (`opaque value<V>`).
///
/// # Errors
/// [`TlsError::LengthTooLarge`] from 2^30 bytes on.
pub fn write_vector(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), TlsError> {
    write_length(bytes.len(), out)?;
    out.extend_from_slice(bytes);
    Ok(())
}

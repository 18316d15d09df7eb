//! The suites and the derivation of session keys from master key and salt (RFC 3711 4.3, RFC 6188, RFC 7714 11).

use aes::cipher::{BlockCipherEncrypt, InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper};
use ctr::{flavors::Ctr128BE, CtrCore};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    AesCm128HmacSha1_80,
    AesCm128HmacSha1_32,
    AesCm192HmacSha1_80,
    AesCm192HmacSha1_32,
    AesCm256HmacSha1_80,
    AesCm256HmacSha1_32,
    AeadAes128Gcm,
    AeadAes256Gcm,
}

impl Suite {
    /// By the name in `a=crypto` (RFC 4568 6.2, RFC 6188 7.1, RFC 7714 14.1), and by what pjsip calls two of them.
    pub fn by_name(name: &str) -> Option<Suite> {
        match name {
            "AES_CM_128_HMAC_SHA1_80" => Some(Suite::AesCm128HmacSha1_80),
            "AES_CM_128_HMAC_SHA1_32" => Some(Suite::AesCm128HmacSha1_32),
            "AES_192_CM_HMAC_SHA1_80" => Some(Suite::AesCm192HmacSha1_80),
            "AES_192_CM_HMAC_SHA1_32" => Some(Suite::AesCm192HmacSha1_32),
            "AES_256_CM_HMAC_SHA1_80" | "AES_CM_256_HMAC_SHA1_80" => Some(Suite::AesCm256HmacSha1_80),
            "AES_256_CM_HMAC_SHA1_32" | "AES_CM_256_HMAC_SHA1_32" => Some(Suite::AesCm256HmacSha1_32),
            "AEAD_AES_128_GCM" => Some(Suite::AeadAes128Gcm),
            "AEAD_AES_256_GCM" => Some(Suite::AeadAes256Gcm),
            _ => None,
        }
    }

    /// As RFC 4568 and its successors name it.
    pub fn name(self) -> &'static str {
        match self {
            Suite::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Suite::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Suite::AesCm192HmacSha1_80 => "AES_192_CM_HMAC_SHA1_80",
            Suite::AesCm192HmacSha1_32 => "AES_192_CM_HMAC_SHA1_32",
            Suite::AesCm256HmacSha1_80 => "AES_256_CM_HMAC_SHA1_80",
            Suite::AesCm256HmacSha1_32 => "AES_256_CM_HMAC_SHA1_32",
            Suite::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Suite::AeadAes256Gcm => "AEAD_AES_256_GCM",
        }
    }

    pub fn key_len(self) -> usize {
        match self {
            Suite::AesCm128HmacSha1_80 | Suite::AesCm128HmacSha1_32 | Suite::AeadAes128Gcm => 16,
            Suite::AesCm192HmacSha1_80 | Suite::AesCm192HmacSha1_32 => 24,
            Suite::AesCm256HmacSha1_80 | Suite::AesCm256HmacSha1_32 | Suite::AeadAes256Gcm => 32,
        }
    }

    pub fn salt_len(self) -> usize {
        if self.is_gcm() {
            12
        } else {
            14
        }
    }

    pub fn rtp_tag(self) -> usize {
        match self {
            Suite::AesCm128HmacSha1_80 | Suite::AesCm192HmacSha1_80 | Suite::AesCm256HmacSha1_80 => 10,
            Suite::AesCm128HmacSha1_32 | Suite::AesCm192HmacSha1_32 | Suite::AesCm256HmacSha1_32 => 4,
            Suite::AeadAes128Gcm | Suite::AeadAes256Gcm => 16,
        }
    }

    /// RTCP keeps the 80-bit tag with the 32-bit suites as well (RFC 4568 6.2.2).
    pub fn rtcp_tag(self) -> usize {
        if self.is_gcm() {
            16
        } else {
            10
        }
    }

    pub fn is_gcm(self) -> bool {
        matches!(self, Suite::AeadAes128Gcm | Suite::AeadAes256Gcm)
    }
}

/// AES in counter mode, by the length of its key. The longer ones are rare, and large.
pub enum CounterAes {
    Short(aes::Aes128),
    Middle(Box<aes::Aes192>),
    Long(Box<aes::Aes256>),
}

impl CounterAes {
    /// None for a key of no AES length.
    pub fn new(key: &[u8]) -> Option<CounterAes> {
        Some(match key.len() {
            16 => CounterAes::Short(aes::Aes128::new_from_slice(key).ok()?),
            24 => CounterAes::Middle(Box::new(aes::Aes192::new_from_slice(key).ok()?)),
            32 => CounterAes::Long(Box::new(aes::Aes256::new_from_slice(key).ok()?)),
            _ => return None,
        })
    }

    /// Add the keystream that begins at `iv`.
    pub fn apply(&self, iv: [u8; 16], text: &mut [u8]) {
        match self {
            CounterAes::Short(aes) => generate(aes, iv, text),
            CounterAes::Middle(aes) => generate(&**aes, iv, text),
            CounterAes::Long(aes) => generate(&**aes, iv, text),
        }
    }
}

/// Key derivation labels (RFC 3711 4.3.1 and 4.3.2).
#[derive(Clone, Copy)]
pub struct Label {
    pub key: u8,
    pub auth: u8,
    pub salt: u8,
}

impl Label {
    pub const RTP: Label = Label { key: 0, auth: 1, salt: 2 };
    pub const RTCP: Label = Label { key: 3, auth: 4, salt: 5 };
}

/// Fills `out` from the AES-CM generator at key derivation rate zero. `None` on a key of no AES length.
pub fn derive(key: &[u8], salt: &[u8], label: u8, out: &mut [u8]) -> Option<()> {
    let mut iv = [0u8; 16];
    // RFC 7714 11: the 96-bit salt is extended at its right end to 112 bits.
    iv.get_mut(..salt.len())?.copy_from_slice(salt);
    iv[7] ^= label;
    out.fill(0);
    CounterAes::new(key)?.apply(iv, out);
    Some(())
}

fn generate<C>(cipher: &C, iv: [u8; 16], out: &mut [u8])
where
    C: BlockCipherEncrypt<BlockSize = aes::cipher::typenum::U16>,
{
    let core = CtrCore::<&C, Ctr128BE>::inner_iv_init(cipher, &iv.into());
    StreamCipherCoreWrapper::from_core(core).apply_keystream(out);
}

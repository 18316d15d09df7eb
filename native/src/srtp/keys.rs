//! The suites and the derivation of session keys from master key and salt (RFC 3711 4.3, RFC 6188, RFC 7714 11).

use aes::cipher::{BlockCipherEncrypt, InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper};
use ctr::{flavors::Ctr128BE, CtrCore};

pub type SessionAes = aes::Aes128;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    AesCm128HmacSha1_80,
    AesCm128HmacSha1_32,
    AeadAes128Gcm,
    AeadAes256Gcm,
}

impl Suite {
    /// By the name in `a=crypto` (RFC 4568 6.2, RFC 7714 14.1).
    pub fn by_name(name: &str) -> Option<Suite> {
        match name {
            "AES_CM_128_HMAC_SHA1_80" => Some(Suite::AesCm128HmacSha1_80),
            "AES_CM_128_HMAC_SHA1_32" => Some(Suite::AesCm128HmacSha1_32),
            "AEAD_AES_128_GCM" => Some(Suite::AeadAes128Gcm),
            "AEAD_AES_256_GCM" => Some(Suite::AeadAes256Gcm),
            _ => None,
        }
    }

    pub fn key_len(self) -> usize {
        if self == Suite::AeadAes256Gcm {
            32
        } else {
            16
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
            Suite::AesCm128HmacSha1_80 => 10,
            Suite::AesCm128HmacSha1_32 => 4,
            Suite::AeadAes128Gcm | Suite::AeadAes256Gcm => 16,
        }
    }

    /// RTCP keeps the 80-bit tag with the 32-bit suite as well (RFC 4568 6.2.2).
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
    match key.len() {
        16 => generate(&aes::Aes128::new_from_slice(key).ok()?, iv, out),
        32 => generate(&aes::Aes256::new_from_slice(key).ok()?, iv, out),
        _ => return None,
    }
    Some(())
}

fn generate<C>(cipher: &C, iv: [u8; 16], out: &mut [u8])
where
    C: BlockCipherEncrypt<BlockSize = aes::cipher::typenum::U16>,
{
    let core = CtrCore::<&C, Ctr128BE>::inner_iv_init(cipher, &iv.into());
    StreamCipherCoreWrapper::from_core(core).apply_keystream(out);
}

//! The age format, with a passphrase.

use std::io::{Read as _, Write as _};
use std::path::Path;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::{DecryptError, Decryptor, Encryptor, scrypt};
use zeroize::Zeroizing;

use super::{KeyError, Passphrase};

/// scrypt with N = 2¹⁷, r = 8, p = 1: 128 MiB and about half a second for each guess, the
/// first choice of OWASP's password storage guidance.
const WORK_FACTOR: u8 = 17;

/// A file that asks for more than 2 GiB of memory is refused rather than tried.
const WORK_FACTOR_MAX: u8 = 21;

/// Seals as text (ASCII armor).
pub(super) fn seal(plaintext: &[u8], passphrase: &Passphrase) -> String {
    let mut recipient = scrypt::Recipient::new(passphrase.for_age());
    recipient.set_work_factor(WORK_FACTOR);
    let encryptor = Encryptor::with_recipients(std::iter::once(&recipient as _))
        .expect("one passphrase is a complete set of recipients");
    let sealed = || -> std::io::Result<Vec<u8>> {
        let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
        let mut writer = encryptor.wrap_output(armor)?;
        writer.write_all(plaintext)?;
        writer.finish()?.finish()
    };
    String::from_utf8(sealed().expect("writing to memory does not fail"))
        .expect("armor is ASCII text")
}

/// Whether a text names somebody to whom age can seal (`age1…`).
pub fn is_recipient(text: &str) -> bool {
    text.parse::<age::x25519::Recipient>().is_ok()
}

/// Opens what [`seal`] made. `path` is for the error alone.
pub(super) fn open(
    path: &Path,
    sealed: &[u8],
    passphrase: &Passphrase,
) -> Result<Zeroizing<String>, KeyError> {
    let failed = |source| {
        let path = path.to_owned();
        match matches!(source, DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed) {
            true => KeyError::WrongPassphrase(path),
            false => KeyError::Seal { path, source: Box::new(source) },
        }
    };
    let mut identity = scrypt::Identity::new(passphrase.for_age());
    identity.set_max_work_factor(WORK_FACTOR_MAX);
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(sealed)).map_err(failed)?;
    let mut reader = decryptor.decrypt(std::iter::once(&identity as _)).map_err(failed)?;
    let mut text = Zeroizing::new(String::new());
    reader.read_to_string(&mut text).map_err(|source| failed(DecryptError::Io(source)))?;
    Ok(text)
}

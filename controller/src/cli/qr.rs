//! QR codes in a terminal: two modules per character, half blocks.

use qrcode::render::unicode::Dense1x2;
use qrcode::types::QrError;
use qrcode::{EcLevel, QrCode};

/// Draws `text`, with the quiet zone that scanners want. Dark modules are drawn, light ones are
/// left blank: on a light background it is a QR code, on a dark one its negative, which scanners
/// read as well.
pub(super) fn picture(text: &str) -> Result<String, QrError> {
    // The lowest correction: a screen is not torn, and fewer modules are easier to scan.
    let code = QrCode::with_error_correction_level(text, EcLevel::L)?;
    Ok(code.render::<Dense1x2>().quiet_zone(true).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a camera would see: one value per module, dark or not.
    fn modules(picture: &str) -> Vec<Vec<bool>> {
        let halves = |line: &str, top: bool| {
            let dark = move |c| match c {
                '█' => true,
                '▀' => top,
                '▄' => !top,
                ' ' => false,
                other => panic!("`{other}` is no half block"),
            };
            line.chars().map(dark).collect::<Vec<_>>()
        };
        picture.lines().flat_map(|line| [halves(line, true), halves(line, false)]).collect()
    }

    #[test]
    fn a_scanner_reads_the_very_line() {
        let line = format!(
            "tillward-claim:1?url=https://fleet.example:8443&fleet=flt-{}&serial=PX-1&seed={}\
             &ca={}&roster={}&expires=1800000000",
            "0a".repeat(16),
            "A4DQOBYHA4DQOBYHA4DQOBYHA4DQOBYH",
            "1f".repeat(32),
            "e2".repeat(32)
        );
        let seen = modules(&picture(&line).unwrap());
        let (width, height) = (seen[0].len(), seen.len());
        let scale = 4;
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(width * scale, height * scale, |x, y| {
                if seen[y / scale][x / scale] { 0 } else { 255 }
            });
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1);
        let (_, read) = grids[0].decode().unwrap();
        assert_eq!(read, line);
        assert!(width <= 80, "{width} columns do not fit a terminal of 80");
    }

    #[test]
    fn a_text_that_fits_no_code_is_refused() {
        assert!(picture(&"x".repeat(3000)).is_err());
    }
}

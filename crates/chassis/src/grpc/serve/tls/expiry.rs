//! The end of a certificate's validity.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// DER tags (X.690): INTEGER, `UTCTime`, `GeneralizedTime`, SEQUENCE, and the version of a certificate.
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// The `notAfter` of an X.509 certificate in DER (RFC 5280, 4.1), in seconds since 1970. Nothing when it cannot be
/// found: it is told, not judged by; rustls and the clients judge.
pub(super) fn of(certificate: &[u8]) -> Option<i64> {
    let mut outer = Der(certificate);
    let mut signed = Der(Der(outer.take(SEQUENCE)?).take(SEQUENCE)?);
    if signed.0.first() == Some(&VERSION) {
        signed.take(VERSION)?;
    }
    signed.take(INTEGER)?;
    let (_algorithm, _issuer) = (signed.take(SEQUENCE)?, signed.take(SEQUENCE)?);
    let mut validity = Der(signed.take(SEQUENCE)?);
    validity.time()?;
    validity.time()
}

/// What is left of a list of values.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The contents of the next value, if it has this tag.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            // A length in 1 to 4 bytes.
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (*found == tag).then_some(contents)
    }

    fn time(&mut self) -> Option<i64> {
        let tag = *self.0.first()?;
        let text = std::str::from_utf8(self.take(tag)?).ok()?;
        let text = match tag {
            // RFC 5280, 4.1.2.5.1: two digits of the year, from 1950 to 2049.
            UTC_TIME if text.len() == 13 && text < "5" => format!("20{text}"),
            UTC_TIME if text.len() == 13 => format!("19{text}"),
            GENERALIZED_TIME => text.to_owned(),
            _ => return None,
        };
        let time = DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
        Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn the_end_is_found_in_both_kinds_of_time() {
        for (year, expected) in [(2049, 2_509_056_000), (2051, 2_572_128_000), (2026, 1_783_209_600)] {
            let mut params = CertificateParams::new(["herd".to_owned()]).unwrap();
            params.not_after = date_time_ymd(year, 7, 5);
            let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
            assert_eq!(of(certificate.der()), Some(expected), "{year}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        let params = CertificateParams::new(["herd".to_owned()]).unwrap();
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        for length in 0..80 {
            assert_eq!(of(&certificate.der()[..length]), None);
        }
        assert_eq!(of(b"-----BEGIN CERTIFICATE-----"), None);
    }
}

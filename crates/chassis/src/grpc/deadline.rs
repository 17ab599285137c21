//! The deadline a caller asks for.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};

const TIMEOUT: &str = "grpc-timeout";

/// The `grpc-timeout` of a call: up to eight digits and a unit, as the gRPC protocol over HTTP/2
/// has it. Nothing where there is none, or none that can be read.
pub(crate) fn asked(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3_600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// Asks for a deadline, to the millisecond.
pub(crate) fn ask(headers: &mut HeaderMap, limit: Duration) {
    // Eight digits of milliseconds are a day.
    let text = format!("{}m", limit.as_millis().clamp(1, 99_999_999));
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.insert(TIMEOUT, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static("grpc-timeout"),
            http::HeaderValue::from_static(text),
        )]);
        asked(&headers)
    }

    #[test]
    fn the_units_of_the_protocol_are_read() {
        assert_eq!(read("2H"), Some(Duration::from_hours(2)));
        assert_eq!(read("3M"), Some(Duration::from_mins(3)));
        assert_eq!(read("99999999S"), Some(Duration::from_secs(99_999_999)));
        assert_eq!(read("250m"), Some(Duration::from_millis(250)));
        assert_eq!(read("7u"), Some(Duration::from_micros(7)));
        assert_eq!(read("8n"), Some(Duration::from_nanos(8)));
    }

    #[test]
    fn what_is_asked_for_is_read() {
        let mut headers = HeaderMap::new();
        ask(&mut headers, Duration::from_millis(1_500));
        assert_eq!(asked(&headers), Some(Duration::from_millis(1_500)));
        ask(&mut headers, Duration::MAX);
        assert_eq!(asked(&headers), Some(Duration::from_millis(99_999_999)));
    }

    #[test]
    fn what_cannot_be_read_asks_for_nothing() {
        for text in ["", "S", "5", "123456789S", "-5S", "1.5S", "5x"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(asked(&HeaderMap::new()), None);
    }
}

//! Times as a reader wants them: since the start.

use jiff::Timestamp;

/// `hh:mm:ss` since the start, whole seconds.
pub(crate) fn clock(start: Timestamp, at: Timestamp) -> String {
    let secs = at.duration_since(start).as_secs();
    format!("{:02}:{:02}:{:02}", secs / 3600, secs / 60 % 60, secs % 60)
}

/// The same text, its timestamps (`2026-12-28T00:01:00Z`) as times since the start.
pub(crate) fn of_day(start: Timestamp, text: &str) -> String {
    const LENGTH: usize = "2026-12-28T00:01:00Z".len();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('T') {
        let stamp = at.checked_sub(10).and_then(|from| rest.get(from..from + LENGTH).map(|stamp| (from, stamp)));
        if let Some((from, time)) = stamp.and_then(|(from, stamp)| Some((from, stamp.parse::<Timestamp>().ok()?))) {
            out.push_str(&rest[..from]);
            out.push_str(&clock(start, time));
            rest = &rest[from + LENGTH..];
        } else {
            out.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_in_a_text_become_times_since_the_start() {
        let start: Timestamp = "2026-12-28T00:00:00Z".parse().unwrap();
        assert_eq!(of_day(start, "The node at 2026-12-29T01:02:03Z, Too"), "The node at 25:02:03, Too");
        assert_eq!(of_day(start, "2026-12-28T00:00:07Z"), "00:00:07");
    }
}

//! The cluster's durations, as the service has them.

use clap::Args;
use jiff::SignedDuration;
use planner::strategy::Timing;

/// The durations, as the user gives them.
#[derive(Args, Debug, Clone, Default)]
pub struct Durations {
    /// One of the service's `[timing]` where it is not the default, such as `reachable_after=10s`. Can be repeated.
    #[arg(long = "timing", value_name = "KEY=DURATION", value_parser = parse)]
    settings: Vec<Setting>,
}

impl Durations {
    /// All of them.
    pub fn timing(&self) -> Timing {
        with(&self.settings)
    }
}

/// One of the service's durations.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Setting {
    key: &'static str,
    value: SignedDuration,
}

/// The keys of `[timing]`, and what each is in the planner.
type Field = (&'static str, fn(&mut Timing) -> &mut SignedDuration);

const FIELDS: [Field; 10] = [
    ("reachable_after", |timing| &mut timing.reachable_after),
    ("node_monitor_grace", |timing| &mut timing.node_monitor_grace),
    ("settle_margin", |timing| &mut timing.settle_margin),
    ("brake", |timing| &mut timing.brake),
    ("loss_window", |timing| &mut timing.loss_window),
    ("backstop", |timing| &mut timing.backstop),
    ("failed_after", |timing| &mut timing.failed_after),
    ("replacement_after", |timing| &mut timing.replacement_after),
    ("watch_stale", |timing| &mut timing.watch_stale),
    ("escalate_after", |timing| &mut timing.escalate_after),
];

/// Reads `reachable_after=10s`.
fn parse(text: &str) -> Result<Setting, String> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| format!("{text:?} is not KEY=DURATION, such as brake=5m"))?;
    let known = || FIELDS.map(|(key, _)| key).join(", ");
    let (key, _) = FIELDS
        .into_iter()
        .find(|(key, _)| *key == name)
        .ok_or_else(|| format!("{name:?} is not a key of the service's [timing]: {}", known()))?;
    let value = value.parse::<SignedDuration>().ok().filter(|value| !value.is_negative());
    let value = value.ok_or_else(|| format!("{text:?}: the value is not a duration, such as 500ms, 10s or 5m"))?;
    Ok(Setting { key, value })
}

/// The defaults with these settings.
fn with(settings: &[Setting]) -> Timing {
    let mut timing = Timing::default();
    for Setting { key, value } in settings {
        for (_, field) in FIELDS.iter().filter(|(known, _)| known == key) {
            *field(&mut timing) = *value;
        }
    }
    timing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_refused_by_what_is_allowed() {
        let settings = [parse("reachable_after=500ms").unwrap(), parse("brake=5m").unwrap()];
        let timing = with(&settings);
        assert_eq!(timing.reachable_after, SignedDuration::from_millis(500));
        assert_eq!(timing.brake, SignedDuration::from_mins(5));
        assert_eq!(timing.backstop, Timing::default().backstop);
        assert!(parse("brake").unwrap_err().contains("KEY=DURATION"));
        assert!(parse("breke=5m").unwrap_err().contains("reachable_after, node_monitor_grace"));
        assert!(parse("brake=soon").unwrap_err().contains("not a duration"));
    }
}

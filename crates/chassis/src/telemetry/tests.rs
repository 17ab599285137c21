use std::sync::{Arc, Mutex};

use super::*;
use crate::config::Config;

const ABOUT: About = About { service: "herd", version: "1.2.3", summary: "" };

/// What was written, in a buffer that clones share.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

fn built(config: &config::Telemetry) -> (LogControl, Written, impl tracing::Subscriber) {
    let written = Written::default();
    let writer = written.clone();
    let (telemetry, sinks) = Telemetry::build(ABOUT, config, move || writer.clone()).unwrap();
    let log = telemetry.log().clone();
    (log, written, Registry::default().with(sinks))
}

#[test]
fn events_are_json_objects_a_line() {
    let (_, written, subscriber) = built(&Config::default().telemetry);
    tracing::subscriber::with_default(subscriber, || tracing::info!(sheep = 7, "counted"));
    let event: serde_json::Value = serde_json::from_str(written.take().trim()).unwrap();
    assert_eq!(event["message"], "counted");
    assert_eq!(event["sheep"], 7);
    assert_eq!(event["level"], "INFO");
}

#[test]
fn the_filter_changes_at_run_time_and_comes_back() {
    let config = config::Telemetry { format: LogFormat::Text, ..Config::default().telemetry };
    let (log, written, subscriber) = built(&config);
    tracing::subscriber::with_default(subscriber, || {
        let look = || {
            tracing::debug!("closely");
            tracing::info!("around");
            written.take()
        };
        let before = look();
        assert!(before.contains("around") && !before.contains("closely"), "{before}");

        assert_eq!(log.set("debug").unwrap().as_str(), "info");
        assert!(look().contains("closely"));
        assert!(log.set("nonsense=loud").is_err());
        assert_eq!(log.current().as_str(), "debug", "a bad filter changes nothing");

        log.set("off").unwrap();
        assert_eq!(look(), "");
        assert_eq!(log.set("").unwrap().as_str(), "off");
        assert_eq!(log.current().as_str(), "info");
        assert!(look().contains("around"));
    });
}

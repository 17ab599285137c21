//! One line of a watch into one frame.

use super::{ResourceVersion, WatchError};
use serde::de::IgnoredAny;
use serde::{Deserialize, de::DeserializeOwned};

/// A decoded line.
#[derive(Debug)]
pub(super) enum Frame<T> {
    Applied(T),
    Deleted(T),
    Bookmark { version: ResourceVersion, ends_list: bool },
    Failed(WatchError),
}

/// An object that could not be decoded into the caller's type.
#[derive(Debug, thiserror::Error)]
#[error("a watched object does not decode (first bytes: {beginning:?})")]
pub struct FrameError {
    /// The first bytes of the frame, to find the object by.
    pub beginning: String,
    /// What is wrong with it.
    pub source: serde_json::Error,
}

#[derive(Deserialize)]
struct Bookmark {
    metadata: BookmarkMetadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BookmarkMetadata {
    resource_version: ResourceVersion,
    #[serde(default)]
    annotations: BookmarkAnnotations,
}

#[derive(Default, Deserialize)]
struct BookmarkAnnotations {
    /// On the bookmark that ends a streaming list.
    #[serde(rename = "k8s.io/initial-events-end")]
    ends_list: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
    #[serde(default)]
    message: String,
}

/// A frame whose fields come in another order than the API server writes them.
#[derive(Deserialize)]
struct Unordered<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    object: serde_json::Value,
}

/// Decodes a line. The API server writes every frame as `{"type":"KIND","object":…}`, so the object's bytes are known
/// without a first pass over them; any other order is accepted by a slower way.
pub(super) fn decode<T: DeserializeOwned>(line: &[u8]) -> Result<Frame<T>, FrameError> {
    let decoded = match split(line) {
        Some((kind, object)) => decode_object(kind, object),
        None => serde_json::from_slice::<Unordered<'_>>(line)
            .and_then(|frame| decode_object(frame.kind.as_bytes(), frame.object.to_string().as_bytes())),
    };
    decoded.map_err(|source| {
        let beginning = line.get(..200).unwrap_or(line);
        FrameError { beginning: String::from_utf8_lossy(beginning).into_owned(), source }
    })
}

/// Whether the line is a change of an object that was shown before; the only kind a caller's filter may drop.
pub(super) fn is_change(line: &[u8]) -> bool {
    line.starts_with(br#"{"type":"MODIFIED","#)
}

fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = line.strip_prefix(br#"{"type":""#)?;
    let end = rest.iter().take(16).position(|byte| *byte == b'"')?;
    let (kind, rest) = rest.split_at(end);
    let object = rest.strip_prefix(br#"","object":"#)?.trim_ascii_end().strip_suffix(b"}")?;
    Some((kind, object))
}

fn decode_object<T: DeserializeOwned>(kind: &[u8], object: &[u8]) -> Result<Frame<T>, serde_json::Error> {
    match kind {
        b"ADDED" | b"MODIFIED" => serde_json::from_slice(object).map(Frame::Applied),
        b"DELETED" => serde_json::from_slice(object).map(Frame::Deleted),
        b"BOOKMARK" => serde_json::from_slice::<Bookmark>(object).map(|bookmark| Frame::Bookmark {
            version: bookmark.metadata.resource_version,
            ends_list: bookmark.metadata.annotations.ends_list.is_some(),
        }),
        b"ERROR" => {
            serde_json::from_slice::<Status>(object).map(|status| Frame::Failed(refusal(status.code, status.message)))
        }
        _ => Err(serde::de::Error::custom(format_args!("unknown frame type {:?}", String::from_utf8_lossy(kind)))),
    }
}

/// The error that a status means to a watch.
pub(super) fn refusal(status: u16, message: String) -> WatchError {
    if status == 410 { WatchError::Expired } else { WatchError::Refused { status, message } }
}

/// The message of a `Status` answer, or the answer itself.
pub(super) fn message_of(body: &[u8]) -> String {
    serde_json::from_slice::<Status>(body)
        .map_or_else(|_| String::from_utf8_lossy(body).trim().to_owned(), |status| status.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Named {
        metadata: Name,
    }

    #[derive(Debug, Deserialize)]
    struct Name {
        name: String,
    }

    fn decoded(line: &str) -> Frame<Named> {
        decode(line.as_bytes()).unwrap()
    }

    #[test]
    fn frames_decode_in_either_field_order() {
        for line in [
            r#"{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"a"},"spec":{"x":[1,{}]}}}"#,
            r#"{"object":{"kind":"Pod","metadata":{"name":"a"}},"type":"MODIFIED"}"#,
            "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}\r",
        ] {
            assert!(matches!(decoded(line), Frame::Applied(named) if named.metadata.name == "a"), "{line}");
        }
        assert!(matches!(decoded(r#"{"type":"DELETED","object":{"metadata":{"name":"a"}}}"#), Frame::Deleted(_)));
    }

    #[test]
    fn bookmarks_tell_their_version_and_the_end_of_the_list() {
        let plain = r#"{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"7","creationTimestamp":null}}}"#;
        assert!(matches!(decoded(plain), Frame::Bookmark { version: ResourceVersion(7), ends_list: false }));
        let last = r#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"8","annotations":{"k8s.io/initial-events-end":"true"}}}}"#;
        assert!(matches!(decoded(last), Frame::Bookmark { version: ResourceVersion(8), ends_list: true }));
    }

    #[test]
    fn errors_in_the_stream_tell_an_expired_version_from_others() {
        let error = |code| format!(r#"{{"type":"ERROR","object":{{"kind":"Status","code":{code},"message":"m"}}}}"#);
        assert!(matches!(decoded(&error(410)), Frame::Failed(WatchError::Expired)));
        assert!(matches!(decoded(&error(429)), Frame::Failed(WatchError::Refused { status: 429, .. })));
    }

    #[test]
    fn what_does_not_decode_is_told_with_its_beginning() {
        let error = decode::<Named>(br#"{"type":"ADDED","object":{"metadata":{}}}"#).unwrap_err();
        assert!(error.beginning.starts_with("{\"type\":\"ADDED\""));
        assert!(decode::<Named>(b"{\"type\":\"ADD").is_err());
        assert!(decode::<Named>(br#"{"type":"OTHER","object":{}}"#).is_err());
    }
}

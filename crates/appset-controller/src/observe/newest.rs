//! Whether a YurtAppSet is still the one that was planned for.
//!
//! A watch may be behind, and what was asked for a second ago would restart every pool for nothing. So it is asked for with quorum
//! before a revision is recorded and before workloads get one; what only puts back what was there needs no question.

use api::names::{STRATEGY, app_set::PINNED};
use api::yurt_app_set::YurtAppSet;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{GetParams, PartialObjectMeta, Request};
use kube::{Client, Resource};

use super::Unread;
use crate::mirrors::SeenSet;

/// Whether the API server has it as it was seen: spec, strategy and pins.
pub(super) async fn is_newest(client: &Client, seen: &SeenSet, set: &YurtAppSet) -> Result<bool, Unread> {
    let failed = |source| Unread { what: "the YurtAppSet", source };
    let path = YurtAppSet::url_path(&(), Some(&seen.namespace));
    let request = Request::new(path).get_metadata(&seen.name, &GetParams::default());
    let request = request.map_err(kube::Error::BuildRequest).map_err(failed)?;
    match client.request::<PartialObjectMeta<YurtAppSet>>(request).await {
        Ok(now) => Ok(is_same(&now.metadata, &set.metadata)),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

/// Whether what is asked for is the same: spec, strategy and pins, of an object that stays.
pub(super) fn is_same(now: &ObjectMeta, planned: &ObjectMeta) -> bool {
    let said = |metadata: &ObjectMeta| {
        let annotations = metadata.annotations.clone().unwrap_or_default();
        [STRATEGY, PINNED].map(|key| annotations.get(key).cloned())
    };
    (&now.uid, now.generation) == (&planned.uid, planned.generation)
        && now.deletion_timestamp.is_none()
        && said(now) == said(planned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_spec_another_pin_and_a_deletion_are_news_and_a_label_is_none() {
        let planned = ObjectMeta { uid: Some("u".to_owned()), generation: Some(3), ..ObjectMeta::default() };
        let annotated =
            |key: &str| ObjectMeta { annotations: Some([(key.to_owned(), "{}".to_owned())].into()), ..planned.clone() };
        assert!(is_same(&planned, &planned) && is_same(&annotated("example.com/other"), &planned));
        for now in [
            ObjectMeta { generation: Some(4), ..planned.clone() },
            ObjectMeta { uid: Some("other".to_owned()), ..planned.clone() },
            ObjectMeta {
                deletion_timestamp: Some(serde_json::from_str("\"2026-11-21T21:00:00Z\"").unwrap()),
                ..planned.clone()
            },
            annotated(PINNED),
            annotated(STRATEGY),
        ] {
            assert!(!is_same(&now, &planned), "{now:?}");
        }
    }
}

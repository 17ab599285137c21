//! The stream, as it is asked for and read.

use std::time::Duration;

use chassis::follow::Source;
use chassis::follow::table::{Mark, Message};
use chassis::peer::Channel;
use proto::rollout::v1::rollout_service_client::RolloutServiceClient;
use proto::rollout::v1::{Reset, Selector, TargetName, WatchRequest, WatchResponse};
use tonic::{Status, Streaming};

use crate::model::Thing;

/// The rollouts of these targets, and their pools.
pub(crate) struct Rollouts(pub(crate) Vec<TargetName>);

impl Source for Rollouts {
    const WATCHED: &'static str = "rollouts";
    type Row = Thing;
    type Response = WatchResponse;

    async fn ask(&self, channel: Channel, resume_token: Vec<u8>) -> Result<Streaming<WatchResponse>, Status> {
        let selector = Selector { targets: self.0.clone(), namespaces: Vec::new() };
        let request = WatchRequest { selector: Some(selector), pools: true, resume_token };
        Ok(RolloutServiceClient::new(channel).watch(request).await?.into_inner())
    }

    fn message(WatchResponse { rollouts, pools, removed, mark }: WatchResponse) -> Message<Thing> {
        let changed = rollouts.into_iter().map(Thing::from).chain(pools.into_iter().map(Thing::from)).collect();
        let mark = mark.map(|mark| Mark {
            synced: mark.synced,
            reset: mark.reset() != Reset::Unspecified,
            resume_token: mark.resume_token,
            source_age: mark.source_age.and_then(|age| Duration::try_from(age).ok()),
        });
        Message { changed, removed, mark }
    }
}

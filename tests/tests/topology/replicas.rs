//! A client whose server is killed, hangs, is another, or cannot be reached.

use anyhow::{Context as _, Result, ensure};
use proto::topology::v1::NodeSelector;
use topology::{Interest, Known, Settings, View};

use super::link::Link;
use super::{Client, LONG, READER, bed, controller};

fn is_ready(view: &View, node: &str) -> Option<bool> {
    view.node(node).known().map(|node| node.is_some_and(|node| node.ready))
}

#[tokio::test]
async fn a_view_outlives_its_server_and_knows_when_it_is_alone() -> Result<()> {
    let bed = bed().await?;
    let names = bed.fleet("alone", 2, 1).await?.names();
    let (kept, flaps) = (names[0].as_str(), names[1].as_str());
    let token = bed.token(READER).await?;
    // Stand-bys of the one that leads: they serve reads. Each has an authority of its own, so each has a link's end of its own.
    let first = controller(&bed.cluster).await?;
    let link = Link::new().await?;
    link.lead_to(&first).await?;
    let peer = link.peer(&first, &token).await?;
    let authority = peer.authority.clone();
    let nodes = Some(NodeSelector { pools: vec!["alone-pool-1".to_owned()], ..NodeSelector::default() });
    let settings = Settings { unknown_after: chassis::Period::of_millis::<3_000>(), peer };
    let client = Client::follow(&settings, Interest { nodes, pools: None })?;
    client
        .until("both nodes Ready", |view| [kept, flaps].iter().all(|node| is_ready(view, node) == Some(true)))
        .await?;
    ensure!(!client.view.pools().is_known(), "pools are not followed");

    // It hangs: the connection stands, and nothing comes.
    first.process.pause()?;
    client.until("the hang to be noticed", |view| !view.nodes().is_known()).await?;
    let Known::Unknown(unknown) = client.view.nodes() else { anyhow::bail!("known again while the server hangs") };
    ensure!(unknown.age.is_some_and(|age| age >= settings.unknown_after.get()), "{unknown}");
    first.process.resume()?;
    client.until("it is known again", |view| is_ready(view, flaps) == Some(true)).await?;

    // Killed, and another replica takes over that has never heard of this client. What is known never shows a hole.
    let second = controller(&bed.cluster).await?;
    std::fs::copy(second.authority_file(), &authority).context("trusting the other one")?;
    let (view, mut changes, kept_name) = (client.view.clone(), client.view.subscribe(), kept.to_owned());
    let watching = tokio::spawn(async move {
        loop {
            if is_ready(&view, &kept_name) == Some(false) {
                return;
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    });
    first.process.kill9().await?;
    link.lead_to(&second).await?;
    bed.cluster.nodes()?.not_ready(&[flaps], true).await?;
    client.until("the loss of a node", |view| is_ready(view, flaps) == Some(false)).await?;
    ensure!(!watching.is_finished(), "{kept} was missing for a moment");

    // The link is down.
    link.cut();
    client.until("the cut to be noticed", |view| !view.nodes().is_known()).await?;
    bed.cluster.nodes()?.not_ready(&[flaps], false).await?;
    link.lead_to(&second).await?;
    client.until("the node's return", |view| is_ready(view, flaps) == Some(true)).await?;
    ensure!(!watching.is_finished(), "{kept} was missing for a moment");
    watching.abort();

    // In order: streams are told to go elsewhere, and the process is not held up by them.
    let exit = second.process.terminate(LONG).await?;
    ensure!(exit.success(), "the stand-by ended with {exit}:\n{}", second.process.output());
    Ok(())
}

//! Many connections that prove nothing.

use anyhow::Result;
use proto::admin::v1::GetInfoRequest;
use tests::fixture::{Service, ServiceSpec};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::{await_metric, bed, client, is_served};

#[tokio::test]
async fn a_thousand_slow_connections_keep_nobody_out() -> Result<()> {
    // Its own: a client that is slower than the crowd makes room for it too.
    let service = Service::start(&bed().await?.bed.cluster, ServiceSpec::new("daemon-updater")).await?;
    service.await_ready().await?;
    let mut early = client(service.admin_channel().await?);
    early.get_info(GetInfoRequest {}).await?;
    let address = service.addresses().await?.grpc;
    let mut slow = Vec::new();
    for number in 0..1_000 {
        let mut stream = TcpStream::connect(&address).await?;
        if number % 2 == 0 {
            // The beginning of a handshake; it may have been dropped already, to make room.
            let _ = stream.write_all(&[22, 3, 1, 2, 0, 1]).await;
        }
        slow.push(stream);
    }
    for _ in 0..3 {
        is_served(&service).await?;
        early.get_info(GetInfoRequest {}).await?;
    }
    await_metric(&service, "drover_grpc_connections_dropped_total{reason=\"Crowded\"} ", 1.0).await?;
    drop(slow);
    is_served(&service).await
}

//! Many, slow, large and hasty: others are served meanwhile.

use anyhow::{Context, Result};
use bytes::Bytes;
use futures::future::join_all;
use proto::admin::v1::{DumpRequest, GetInfoRequest};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tonic::Code;

use crate::rude::{Client, request};
use crate::support::{ADMIN, SOON, Server};

const INFO: &str = "/drover.admin.v1.AdminService/GetInfo";

/// A new client, from its connection to its first answer.
async fn is_served(server: &Server) -> Result<()> {
    let mut admin = server.admin(ADMIN)?;
    let answer = tokio::time::timeout(SOON, admin.get_info(GetInfoRequest {})).await.context("not in time")?;
    answer.context("refused")?;
    Ok(())
}

#[tokio::test]
async fn a_thousand_slow_connections_keep_nobody_out() -> Result<()> {
    let server = Server::start().await?;
    let mut admin = server.admin(ADMIN)?;
    admin.get_info(GetInfoRequest {}).await?;
    // Half of them say nothing, half begin a handshake and go no further.
    let mut slow = Vec::new();
    for number in 0..1_000 {
        let mut stream = TcpStream::connect(server.grpc).await?;
        if number % 2 == 0 {
            // It may have been dropped already, to make room.
            let _ = stream.write_all(&[22, 3, 1, 2, 0, 1]).await;
        }
        slow.push(stream);
    }
    for _ in 0..5 {
        is_served(&server).await?;
        admin.get_info(GetInfoRequest {}).await?;
    }
    server.await_metric("drover_grpc_connections_dropped_total{reason=\"Crowded\"} ", 1.0).await?;
    drop(slow);
    is_served(&server).await?;
    server.stop().await
}

#[tokio::test]
async fn rapid_resets_end_their_own_connection_only() -> Result<()> {
    let server = Server::start().await?;
    let bearer = format!("Bearer {ADMIN}");
    let mut rude = Client::connect(&server).await?;
    assert_eq!(rude.call(INFO, &[("authorization", &bearer)]).await?.0, Code::Ok as i32);
    let mut sent = 0;
    let ended = loop {
        if rude.ended.is_finished() {
            break rude.ended.await?;
        }
        let Ok(mut requests) = rude.requests.clone().ready().await else {
            break rude.ended.await?;
        };
        if let Ok((_, mut body)) = requests.send_request(request(INFO, &[("authorization", &bearer)])?, false) {
            body.send_reset(h2::Reason::CANCEL);
            sent += 1;
        }
        if sent % 50 == 0 {
            tokio::task::yield_now().await;
        }
        if sent == 50_000 {
            // It may also have kept up with all of them; what counts is that others were served.
            break Ok(());
        }
    };
    drop(ended);
    is_served(&server).await?;
    server.await_metric("drover_grpc_calls_running ", 0.0).await?;
    server.stop().await
}

#[tokio::test]
async fn large_messages_and_headers_are_refused() -> Result<()> {
    let server = Server::start().await?;
    let mut admin = server.admin(ADMIN)?;
    let huge = DumpRequest { sections: vec!["x".repeat(2 * chassis::grpc::MAX_REQUEST_BYTES)] };
    let refused = admin.dump(huge).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused}");
    let mut rude = Client::connect(&server).await?;
    let bearer = format!("Bearer {ADMIN}");
    let large = "x".repeat(64 * 1024);
    let answer = rude.call(INFO, &[("authorization", &bearer), ("x-large", &large)]).await;
    assert!(answer.is_err() || answer.is_ok_and(|(code, _)| code != 0), "it is answered");
    admin.get_info(GetInfoRequest {}).await?;
    server.stop().await
}

#[tokio::test]
async fn a_request_that_never_ends_is_not_waited_for() -> Result<()> {
    let server = Server::with(&["--grpc-deadline=5s"], chassis::access::Table::default(), |_| {}).await?;
    let bearer = format!("Bearer {ADMIN}");
    let mut rude = Client::connect(&server).await?;
    let mut open = Vec::new();
    for _ in 0..90 {
        let mut requests = rude.requests.clone().ready().await?;
        let (answer, mut body) = requests.send_request(request(INFO, &[("authorization", &bearer)])?, false)?;
        // A message of five bytes is announced, one comes.
        body.send_data(Bytes::from_static(&[0, 0, 0, 0, 5, 1]), false)?;
        open.push((answer, body));
    }
    is_served(&server).await?;
    for (answer, _body) in open {
        let answer = tokio::time::timeout(SOON, answer).await??;
        let status = tonic::Status::from_header_map(answer.headers()).context("no status")?;
        assert_eq!(status.code(), Code::DeadlineExceeded);
    }
    assert_eq!(rude.call(INFO, &[("authorization", &bearer)]).await?.0, Code::Ok as i32);
    server.stop().await
}

#[tokio::test]
async fn more_calls_at_once_than_allowed_wait_for_their_turn() -> Result<()> {
    let args = ["--set=access.calls_at_once=10000", "--set=access.calls_per_second=10000"];
    let server = Server::with(&args, chassis::access::Table::default(), |_| {}).await?;
    let admin = server.admin(ADMIN)?;
    let answers = join_all((0..500).map(async |_| admin.clone().get_info(GetInfoRequest {}).await)).await;
    assert!(answers.iter().all(Result::is_ok), "{:?}", answers.iter().find(|answer| answer.is_err()));
    server.stop().await
}

#[tokio::test]
async fn strangers_who_do_not_give_up_lose_their_connection() -> Result<()> {
    let server = Server::start().await?;
    let mut rude = Client::connect(&server).await?;
    let mut answered = 0;
    while rude.call(INFO, &[]).await.is_ok_and(|(code, _)| code == Code::Unauthenticated as i32) {
        answered += 1;
        assert!(answered < 1_000, "they are answered for ever");
    }
    assert!(answered >= 50, "only {answered} were answered");
    server.await_metric("drover_grpc_connections_dropped_total{reason=\"Refused\"} ", 1.0).await?;
    is_served(&server).await?;
    server.stop().await
}

//! Whose token lets them in.

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::json;
use tests::fixture::eventually;
use tests::fixture::service::ADMIN;
use tonic::Code;

use super::{LONG, await_metric, bed, info, is_refused, is_served};

const NAMESPACE: &str = api::rbac::NAMESPACE;
const HOUR: i64 = 3_600;

#[tokio::test]
async fn bad_tokens_are_refused_and_counted() -> Result<()> {
    let bed = bed().await?;
    let (cluster, service) = (&bed.bed.cluster, bed.service());
    let bad = Code::Unauthenticated;
    is_refused(service, "no.such.token", bad, "does not accept").await?;
    let elsewhere = cluster.service_account_token(NAMESPACE, ADMIN, &["elsewhere"]).await?;
    is_refused(service, &elsewhere, bad, "does not accept").await?;
    let for_the_api = cluster.service_account_token(NAMESPACE, ADMIN, &[]).await?;
    is_refused(service, &for_the_api, bad, "does not accept").await?;

    let now = Timestamp::now().as_second();
    let fresh = cluster.token_claims(NAMESPACE, ADMIN, now - HOUR, now + HOUR).await?;
    let good = cluster.sign_token(&fresh)?;
    info(service, &good).await?.context("what is signed here is not accepted")?;
    let expired = cluster.token_claims(NAMESPACE, ADMIN, now - 2 * HOUR, now - HOUR).await?;
    is_refused(service, &cluster.sign_token(&expired)?, bad, "does not accept").await?;
    let mut foreign = fresh.clone();
    foreign["iss"] = json!("https://kubernetes.elsewhere.svc");
    is_refused(service, &cluster.sign_token(&foreign)?, bad, "does not accept").await?;
    let (signed, _) = good.rsplit_once('.').context("a token without signature")?;
    let other = cluster.sign_token(&expired)?;
    let (_, signature) = other.rsplit_once('.').context("a token without signature")?;
    is_refused(service, &format!("{signed}.{signature}"), bad, "does not accept").await?;

    is_served(service).await?;
    let refused = "drover_grpc_calls_refused_total{service=\"drover.admin.v1.AdminService\",method=\"GetInfo\",reason=\"BadToken\"} ";
    await_metric(service, refused, 6.0).await
}

#[tokio::test]
async fn a_good_token_opens_only_what_the_table_says() -> Result<()> {
    let bed = bed().await?;
    bed.bed.cluster.service_account(NAMESPACE, "nobody-special").await?;
    let token = bed.bed.cluster.caller_token(NAMESPACE, "nobody-special").await?;
    for service in &bed.services {
        is_refused(service, &token, Code::PermissionDenied, "it is for drover-system/drover-admin").await?;
        is_served(service).await?;
    }
    // The same account name in another namespace is another account.
    bed.bed.cluster.namespace("elsewhere").await?;
    bed.bed.cluster.service_account("elsewhere", ADMIN).await?;
    let namesake = bed.bed.cluster.caller_token("elsewhere", ADMIN).await?;
    is_refused(bed.service(), &namesake, Code::PermissionDenied, "elsewhere/drover-admin").await
}

#[tokio::test]
async fn a_deleted_account_is_out_soon_though_its_token_was_good_before() -> Result<()> {
    let bed = bed().await?;
    let cluster = &bed.bed.cluster;
    cluster.service_account(NAMESPACE, "leaving").await?;
    let token = cluster.caller_token(NAMESPACE, "leaving").await?;
    for service in &bed.services {
        // Known, and refused for another reason.
        is_refused(service, &token, Code::PermissionDenied, "leaving").await?;
    }
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client()?, NAMESPACE);
    accounts.delete("leaving", &DeleteParams::default()).await.context("deleting the account")?;
    for service in &bed.services {
        // A minute in the service's memory, and some seconds in the API server's.
        eventually("the token to be refused", LONG, async || {
            let code = info(service, &token).await?.err().map(|refused| refused.code());
            Ok((code == Some(Code::Unauthenticated)).then_some(()))
        })
        .await?;
        is_served(service).await?;
    }
    Ok(())
}

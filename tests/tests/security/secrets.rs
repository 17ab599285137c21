//! Secrets stay where they are.

use anyhow::{Context as _, Result, ensure};
use proto::admin::v1::{DumpRequest, GetConfigRequest};
use tests::fixture::Service;
use xtask::process::Spec;

use super::certificates::grpcurl;
use super::{LONG, bed, client, info, metrics};

/// What must be in no output: the parts of every token that the service has seen or uses, and its key.
fn secrets(service: &Service, canary: &str) -> Result<Vec<String>> {
    let read = |file: &str| std::fs::read_to_string(service.folder().join(file)).context(file.to_owned());
    let kubeconfig: serde_json::Value = serde_json::from_str(&read("kubeconfig")?)?;
    let own = kubeconfig["users"][0]["user"]["token"].as_str().context("a kubeconfig without token")?.to_owned();
    let key = read("tls.key")?.lines().nth(1).context("an empty key")?.to_owned();
    let mut secrets = vec![key];
    for token in [canary, service.admin_token(), &own] {
        // Without the header, which all tokens share.
        secrets.extend(token.split('.').skip(1).map(str::to_owned));
    }
    Ok(secrets)
}

#[tokio::test]
async fn no_output_of_any_service_holds_a_token_or_a_key() -> Result<()> {
    for service in &bed().await?.services {
        let canary = "Y2FuYXJ5MQ.Y2FuYXJ5LWJpcmQtaW4tYS1taW5l.Y2FuYXJ5LXNpbmdz";
        info(service, canary).await?.err().context("a made-up token is accepted")?;
        // Our own client marks the header with the token as not to be shown; others do not.
        let authority = service.authority_file().display().to_string();
        let called = grpcurl(service, &["-cacert", &authority]).await?;
        ensure!(called.status.success(), "{}", String::from_utf8_lossy(&called.stderr));
        let mut admin = client(service.admin_channel().await?);
        let config = admin.get_config(GetConfigRequest {}).await?.into_inner().toml;
        let dump = format!("{:?}", admin.dump(DumpRequest::default()).await?.into_inner());
        let log = service.process.output();
        ensure!(log.contains("TRACE"), "it does not log everything");
        let outputs = [("log", log), ("configuration", config), ("dump", dump), ("metrics", metrics(service).await?)];
        for (name, text) in &outputs {
            for secret in secrets(service, canary)? {
                let line = text.lines().find(|line| line.contains(&secret));
                ensure!(line.is_none(), "{secret} is in the {name}: {line:?}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_printed_configuration_names_files_and_not_what_is_in_them() -> Result<()> {
    let service = bed().await?.service();
    let file = |name: &str| service.folder().join(name).display().to_string();
    let printing = Spec::service("daemon-updater")?
        .arg("--print-config")
        .flag("kubeconfig", file("kubeconfig"))
        .env("DROVER_GRPC__TLS__CERTIFICATE", file("tls.crt"))
        .env("DROVER_GRPC__TLS__KEY", file("tls.key"))
        .start()
        .await?;
    tokio::time::timeout(LONG, printing.wait()).await.context("it does not end")?;
    let text = printing.output();
    ensure!(text.contains(&file("tls.key")), "{text}");
    for secret in secrets(service, "a.b0b0b0b0.c0c0c0c0")? {
        ensure!(!text.contains(&secret), "{secret} is in {text}");
    }
    Ok(())
}

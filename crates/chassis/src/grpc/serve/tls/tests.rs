use std::path::Path;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;
use crate::About;
use crate::config::Tls;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn tls(&self) -> Tls {
        let path = |name: &str| Some(self.0.path().join(name));
        Tls { certificate: path("tls.crt"), key: path("tls.key") }
    }

    /// Writes a certificate that expires in that year, with its key.
    fn write(&self, year: i32) {
        let (certificate, key) = pair(year);
        self.put("tls.crt", &certificate);
        self.put("tls.key", &key);
    }

    fn put(&self, name: &str, text: &str) {
        let draft: &Path = &self.0.path().join("draft");
        std::fs::write(draft, text).unwrap();
        std::fs::rename(draft, self.0.path().join(name)).unwrap();
    }
}

fn pair(year: i32) -> (String, String) {
    let mut params = CertificateParams::new(["herd".to_owned()]).unwrap();
    params.not_after = date_time_ymd(year, 1, 1);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn metrics() -> Metrics {
    Metrics::new(About { service: "herd", version: "1", summary: "" })
}

fn refused(tls: &Tls) -> String {
    let error = Certificates::load(tls, &metrics()).err().unwrap();
    causes(&error)
}

#[test]
fn what_cannot_be_served_is_named() {
    let folder = Folder::new();
    assert!(Certificates::load(&Tls::default(), &metrics()).unwrap().is_none());
    assert!(refused(&folder.tls()).contains("tls.crt"));
    folder.write(2099);
    Certificates::load(&folder.tls(), &metrics()).unwrap().unwrap();
    folder.put("tls.key", "no key");
    assert!(refused(&folder.tls()).contains("tls.key holds no private key"));
    folder.put("tls.key", &pair(2099).1);
    assert!(refused(&folder.tls()).contains("with"), "the key of another certificate");
    folder.put("tls.crt", "");
    assert!(refused(&folder.tls()).contains("tls.crt holds no certificate"));
}

#[tokio::test(start_paused = true)]
async fn new_certificates_are_taken_and_bad_ones_are_refused_once() {
    let folder = Folder::new();
    folder.write(2090);
    let metrics = metrics();
    let certificates = Certificates::load(&folder.tls(), &metrics).unwrap().unwrap();
    let stopping = CancellationToken::new();
    let following = tokio::spawn({
        let (certificates, stopping) = (Arc::clone(&certificates), stopping.clone());
        async move { certificates.follow(stopping).await }
    });
    let counted = |outcome| certificates.reloads.get_or_create(&Labels { outcome }).get();
    let pause = || tokio::time::sleep(3 * EVERY);
    let first = certificates.expires.get();
    assert!(metrics.encode().unwrap().contains(&format!("drover_grpc_certificate_expires_seconds {first}")));

    pause().await;
    assert_eq!((counted(Reload::Taken), counted(Reload::Refused)), (0, 0));
    folder.write(2091);
    pause().await;
    assert_eq!((counted(Reload::Taken), counted(Reload::Refused)), (1, 0));
    let second = certificates.expires.get();
    assert!(second > first);

    for (file, text) in [("tls.key", pair(2092).1), ("tls.crt", "garbage".to_owned()), ("tls.crt", pair(2001).0)] {
        let before = counted(Reload::Refused);
        folder.put(file, &text);
        pause().await;
        pause().await;
        assert_eq!(counted(Reload::Refused), before + 1, "{file}");
    }
    folder.write(2001);
    pause().await;
    assert_eq!((counted(Reload::Taken), certificates.expires.get()), (1, second), "an expired one is no better");
    std::fs::remove_file(folder.0.path().join("tls.crt")).unwrap();
    pause().await;
    folder.write(2093);
    pause().await;
    assert_eq!(counted(Reload::Taken), 2);
    assert!(certificates.expires.get() > second);
    stopping.cancel();
    following.await.unwrap();
}

//! Whose token a gRPC caller presents, by the API server's word.

use std::time::{Duration, SystemTime};

use chassis::access::{AUDIENCE, Account, Bound, Caller, Review, Reviewer, Token, Unavailable};
use futures::future::BoxFuture;
use k8s_openapi::ByteString;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus, UserInfo};
use kube::api::PostParams;
use kube::{Api, Client};
use serde::Deserialize;

/// Reviews tokens for the audience `drover` with the `TokenReview` API. Needs `create` on `tokenreviews`.
#[derive(Clone)]
pub struct TokenReviews {
    api: Api<TokenReview>,
}

/// User names of service accounts: this, the namespace, a colon and the name.
const ACCOUNT: &str = "system:serviceaccount:";

/// What the API server says beside the name: of the token itself, and of the pod and node it is bound to.
const CREDENTIAL: &str = "authentication.kubernetes.io/credential-id";
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";
const NODE_UID: &str = "authentication.kubernetes.io/node-uid";
const POD_NAME: &str = "authentication.kubernetes.io/pod-name";
const POD_UID: &str = "authentication.kubernetes.io/pod-uid";

impl TokenReviews {
    /// Reviews by the API server that `client` is for.
    pub fn new(client: Client) -> Self {
        Self { api: Api::all(client) }
    }

    async fn ask(&self, token: &Token) -> Result<Review, kube::Error> {
        let question = TokenReview {
            spec: TokenReviewSpec { audiences: Some(vec![AUDIENCE.to_owned()]), token: token.expose().to_owned() },
            ..TokenReview::default()
        };
        let answer = self.api.create(&PostParams::default(), &question).await?;
        Ok(read(answer.status.unwrap_or_default(), token))
    }
}

impl Reviewer for TokenReviews {
    fn review(&self, token: Token) -> BoxFuture<'_, Result<Review, Unavailable>> {
        Box::pin(async move { self.ask(&token).await.map_err(|error| Unavailable(error.into())) })
    }
}

/// What an answer says of a token.
fn read(status: TokenReviewStatus, token: &Token) -> Review {
    if status.authenticated != Some(true) {
        return Review::Bad(format!("the API server does not accept the token: {}", why(status.error, token)));
    }
    // A server that knows no audiences accepts tokens for any.
    if !status.audiences.is_some_and(|audiences| audiences.iter().any(|audience| audience == AUDIENCE)) {
        return Review::Bad(format!("the token is not for the audience {AUDIENCE}"));
    }
    let user = status.user.unwrap_or_default();
    match account(&user) {
        Some(account) => Review::Good { caller: caller(account, &user), expires: expiry(token) },
        None => Review::Bad("the token is not a service account's".to_owned()),
    }
}

/// The API server's words, unless they quote the token.
fn why(error: Option<String>, token: &Token) -> String {
    let quotes = |words: &String| token.expose().split('.').any(|part| words.contains(part));
    error.filter(|words| !words.is_empty() && !quotes(words)).unwrap_or_else(|| "it does not say why".to_owned())
}

fn account(user: &UserInfo) -> Option<Account> {
    let (namespace, name) = user.username.as_deref()?.strip_prefix(ACCOUNT)?.split_once(':')?;
    Account::new(namespace, name).ok()
}

fn caller(account: Account, user: &UserInfo) -> Caller {
    let claim = |key: &str| {
        let values = user.extra.as_ref()?.get(key)?;
        values.first().filter(|value| !value.is_empty()).cloned()
    };
    let bound = |name, uid| Some(Bound { name: claim(name)?, uid: claim(uid)? });
    Caller { account, credential: claim(CREDENTIAL), node: bound(NODE_NAME, NODE_UID), pod: bound(POD_NAME, POD_UID) }
}

/// When a token expires: its claim `exp` (RFC 7519, 4.1.4), which the API server has just found to be genuine.
fn expiry(token: &Token) -> Option<SystemTime> {
    #[derive(Deserialize)]
    struct Claims {
        exp: u64,
    }
    let claims = token.expose().split('.').nth(1)?;
    // From base64url without padding to the base64 that Kubernetes' own type reads.
    let mut text = claims.replace('-', "+").replace('_', "/");
    text.extend(std::iter::repeat_n('=', (4 - text.len() % 4) % 4));
    let bytes: ByteString = serde_json::from_value(text.into()).ok()?;
    let Claims { exp } = serde_json::from_slice(&bytes.0).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(exp))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // {"aud":["drover"],"exp":1700000000,"x":"??>~"}
    const CLAIMS: &str = "eyJhdWQiOlsiZHJvdmVyIl0sImV4cCI6MTcwMDAwMDAwMCwieCI6Ij8_Pn4ifQ";

    fn token() -> Token {
        Token::new(&format!("aGVhZA.{CLAIMS}.c2lnbmF0dXJl")).unwrap()
    }

    fn review(status: serde_json::Value) -> Review {
        read(serde_json::from_value(status).unwrap(), &token())
    }

    fn bad(status: serde_json::Value) -> String {
        match review(status) {
            Review::Bad(why) => why,
            good @ Review::Good { .. } => panic!("{good:?}"),
        }
    }

    #[test]
    fn the_claims_of_a_bound_token_become_the_caller() {
        let extra = json!({
            CREDENTIAL: ["JTI=7"], NODE_NAME: ["node-1"], NODE_UID: ["n"], POD_NAME: ["hub-x"], POD_UID: ["p"],
        });
        let user = json!({"username": "system:serviceaccount:edge:hub", "uid": "1", "extra": extra});
        let good = review(json!({"authenticated": true, "audiences": ["drover"], "user": user}));
        let bound = |name: &str, uid: &str| Some(Bound { name: name.to_owned(), uid: uid.to_owned() });
        let caller = Caller {
            credential: Some("JTI=7".to_owned()),
            node: bound("node-1", "n"),
            pod: bound("hub-x", "p"),
            ..Caller::new(Account::new("edge", "hub").unwrap())
        };
        let expires = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        assert_eq!(good, Review::Good { caller, expires });
    }

    #[test]
    fn a_pod_that_is_on_no_node_yet_speaks_for_none() {
        let extra = json!({POD_NAME: ["hub-x"], POD_UID: ["p"], NODE_NAME: [""]});
        let user = json!({"username": "system:serviceaccount:edge:hub", "extra": extra});
        let Review::Good { caller, .. } = review(json!({"authenticated": true, "audiences": ["drover"], "user": user}))
        else {
            panic!("it is good");
        };
        assert!(caller.node.is_none() && caller.pod.is_some());
    }

    #[test]
    fn everything_else_is_refused_in_words_without_the_token() {
        let hub = json!({"username": "system:serviceaccount:edge:hub"});
        let human = json!({"username": "kubernetes-admin"});
        let quoting = format!("invalid: {CLAIMS}");
        for (status, words) in [
            (json!({"error": "token audiences invalid"}), "audiences invalid"),
            (json!({"authenticated": false, "user": hub}), "does not say why"),
            (json!({"error": quoting}), "does not say why"),
            (json!({"authenticated": true, "user": hub}), "audience drover"),
            (json!({"authenticated": true, "audiences": [], "user": hub}), "audience drover"),
            (json!({"authenticated": true, "audiences": ["api"], "user": hub}), "audience drover"),
            (json!({"authenticated": true, "audiences": ["drover"], "user": human}), "not a service account's"),
            (json!({"authenticated": true, "audiences": ["drover"]}), "not a service account's"),
        ] {
            let why = bad(status.clone());
            assert!(why.contains(words) && !why.contains(CLAIMS), "{status}: {why}");
        }
    }

    #[test]
    fn a_token_without_a_readable_end_has_none() {
        assert_eq!(expiry(&Token::new("a.b.c").unwrap()), None);
        assert_eq!(expiry(&Token::new("a.e30.c").unwrap()), None);
    }
}

//! The token of a caller.

use std::fmt;

use http::HeaderMap;
use http::header::AUTHORIZATION;

/// A bearer token. It can neither be printed nor logged by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// No service account token is longer; the API server's are about 1 KB.
const LONGEST: usize = 4 * 1024;

impl Token {
    /// A token from its text, as in a projected token file; surrounding white space does not belong to it. Nothing
    /// where that cannot be a JSON web token (RFC 7519: three parts of base64url), as every service account's is:
    /// nobody need be asked.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_part = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let is_token = text.len() <= LONGEST && text.split('.').count() == 3 && text.split('.').all(is_part);
        is_token.then(|| Self(text.to_owned()))
    }

    /// Its text, for who must present or review it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The token in the headers of a call: `authorization: Bearer …`, exactly one.
    ///
    /// # Errors
    /// What is wrong with the headers, in words that hold nothing of them.
    pub(crate) fn presented(headers: &HeaderMap) -> Result<Self, &'static str> {
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let value =
            given.next().ok_or("no token: send one for the audience drover as `authorization: Bearer TOKEN`")?;
        if given.next().is_some() {
            return Err("more than one authorization header");
        }
        let text = value.to_str().map_err(|_| "the authorization header is not a text")?;
        let (scheme, token) = text.split_once(' ').ok_or("the authorization header is not `Bearer TOKEN`")?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err("the authorization header is not `Bearer TOKEN`");
        }
        Self::new(token).ok_or("the bearer token is not a service account's token")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presented(values: &[&'static str]) -> Result<Token, &'static str> {
        let values = values.iter().map(|value| (AUTHORIZATION, http::HeaderValue::from_static(value)));
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            headers.append(name, value);
        }
        Token::presented(&headers)
    }

    #[test]
    fn one_bearer_token_is_read() {
        assert_eq!(presented(&["Bearer a.b-_.c"]).unwrap().expose(), "a.b-_.c");
        assert_eq!(presented(&["bearer  a.b.c "]).unwrap().expose(), "a.b.c");
        for wrong in [
            &[][..],
            &["Bearer"],
            &["Bearer "],
            &["Basic a.b.c"],
            &["Bearer a.b"],
            &["Bearer a.b.c.d"],
            &["Bearer a..c"],
            &["Bearer a.b.c,d"],
            &["Bearer a.b.c", "Bearer a.b.c"],
        ] {
            assert!(presented(wrong).is_err(), "{wrong:?}");
        }
        assert!(Token::new(&format!("a.b.{}", "c".repeat(LONGEST))).is_none());
    }

    #[test]
    fn a_token_does_not_show_itself() {
        let token = Token::new("canary.canary.canary").unwrap();
        assert!(!format!("{token:?} {:#?}", Some(&token)).contains("canary"));
    }
}

//! Where a stream stands, as its client keeps it.

use std::hash::Hasher as _;

use super::selection::Fnv;

/// A position in a feed, given out with every batch. Opaque to clients; encoded it has at most [`Token::MAX_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Of which feed.
    pub(super) epoch: u64,
    /// Of which selection.
    pub(super) selection: u32,
    pub(super) position: Position,
}

/// How far a client has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// Changes up to this version were told, as far as they were the newest of their key.
    pub(super) at: u64,
    /// The last version at which nothing was missing from the client's view, or at which it began with an empty one. What
    /// stopped being selected before need not be told.
    pub(super) whole: u64,
}

/// Why a stream begins anew instead of sending what was missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// The token is of another feed: of another process, or of this one before it restarted.
    OtherEpoch,
    /// More was removed since than is remembered.
    TooOld,
    /// The token was given out for another selection.
    OtherSelection,
    /// The token is of a version that has not come yet.
    Ahead,
}

/// A token that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It has another length than any token.
    #[error("a resume token of {0} bytes: there are none of that length")]
    Length(usize),
    /// It begins as tokens of another format do.
    #[error("a resume token of format {0}: this is format {FORMAT}")]
    Format(u8),
    /// Its checksum is not that of its content.
    #[error("a resume token that was damaged or made up")]
    Damaged,
}

const FORMAT: u8 = 1;

impl Token {
    /// The length of an encoded token.
    pub const MAX_BYTES: usize = 1 + 4 + 4 + 8 + 8 + 8;

    /// The token as clients keep it: format, checksum, selection, epoch, position.
    pub fn encode(&self) -> Vec<u8> {
        let mut content = Vec::with_capacity(Self::MAX_BYTES);
        content.push(FORMAT);
        content.extend([0; 4]);
        content.extend(self.selection.to_be_bytes());
        content.extend(self.epoch.to_be_bytes());
        content.extend(self.position.at.to_be_bytes());
        if self.position.whole != self.position.at {
            content.extend(self.position.whole.to_be_bytes());
        }
        let sum = checksum(&content[5..]);
        content[1..5].copy_from_slice(&sum);
        content
    }

    /// # Errors
    /// When the bytes are not an encoded token. The checksum finds damage, not malice: a token that somebody makes up
    /// shows its maker a wrong view of what it may see anyway.
    pub fn decode(bytes: &[u8]) -> Result<Self, TokenError> {
        let wrong = || TokenError::Length(bytes.len());
        let (format, rest) = bytes.split_first().ok_or_else(wrong)?;
        if *format != FORMAT {
            return Err(TokenError::Format(*format));
        }
        let (sum, content) = rest.split_first_chunk::<4>().ok_or_else(wrong)?;
        if *sum != checksum(content) {
            return Err(TokenError::Damaged);
        }
        let (selection, rest) = content.split_first_chunk().ok_or_else(wrong)?;
        let (epoch, rest) = rest.split_first_chunk().ok_or_else(wrong)?;
        let (at, rest) = rest.split_first_chunk().ok_or_else(wrong)?;
        let whole = match (rest, <[u8; 8]>::try_from(rest)) {
            ([], _) => *at,
            (_, whole) => whole.map_err(|_| wrong())?,
        };
        let position = Position { at: u64::from_be_bytes(*at), whole: u64::from_be_bytes(whole) };
        Ok(Self { epoch: u64::from_be_bytes(*epoch), selection: u32::from_be_bytes(*selection), position })
    }
}

fn checksum(content: &[u8]) -> [u8; 4] {
    let mut hash = Fnv(0x6472_6f76_6572_2e31);
    hash.write(content);
    hash.folded()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(at: u64, whole: u64) -> Token {
        Token { epoch: 7, selection: 9, position: Position { at, whole } }
    }

    #[test]
    fn tokens_are_read_as_they_were_written() {
        for token in [token(0, 0), token(5, 5), token(5, u64::MAX), token(u64::MAX, 0)] {
            let encoded = token.encode();
            assert!(encoded.len() <= Token::MAX_BYTES);
            assert_eq!(Token::decode(&encoded), Ok(token));
        }
    }

    #[test]
    fn what_is_not_a_token_is_refused() {
        let encoded = token(5, 6).encode();
        for index in 0..encoded.len() {
            let mut damaged = encoded.clone();
            damaged[index] ^= 0x10;
            assert!(Token::decode(&damaged).is_err(), "byte {index}");
            assert!(Token::decode(&encoded[..index]).is_err(), "cut at {index}");
        }
        assert_eq!(Token::decode(&[]), Err(TokenError::Length(0)));
        assert_eq!(Token::decode(b"garbage"), Err(TokenError::Format(b'g')));
        assert!(Token::decode(&[encoded, vec![0]].concat()).is_err());
    }
}

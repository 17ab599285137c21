//! Chance, from a seed.

use jiff::SignedDuration;

/// SplitMix64 (Steele, Lea and Flood 2014): small, and good enough to draw delays.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// The sequence of this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 when `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.draw() % n }
    }

    /// Whether something happens that does so in `percent` of all cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// An index into something of this length.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or_default()
    }

    /// A duration between both, in whole milliseconds.
    pub fn between(&mut self, least: SignedDuration, most: SignedDuration) -> SignedDuration {
        let span = u64::try_from((most - least).as_millis()).unwrap_or_default();
        least + SignedDuration::from_millis(i64::try_from(self.below(span + 1)).unwrap_or_default())
    }
}

//! Deterministic choices, so that two runs ask for the same things.

/// SplitMix64.
pub struct Random(u64);

impl Random {
    pub fn of(parts: [u64; 3]) -> Self {
        let mut state = Self(0x9e37_79b9_7f4a_7c15);
        for part in parts {
            state.0 ^= part;
            state.0 = state.next();
        }
        state
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `limit` - 1.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// Ranks where the k-th is 1/k as frequent as the first.
pub struct Zipf(Vec<f64>);

impl Zipf {
    pub fn of(ranks: usize) -> Self {
        let mut sum = 0.0;
        Self(
            (1..=ranks)
                .map(|k| {
                    sum += 1.0 / k as f64;
                    sum
                })
                .collect(),
        )
    }

    pub fn pick(&self, random: &mut Random) -> usize {
        let total = self.0.last().copied().unwrap_or(1.0);
        let at = (random.next() >> 11) as f64 / (1u64 << 53) as f64 * total;
        self.0
            .partition_point(|&sum| sum <= at)
            .min(self.0.len() - 1)
    }
}

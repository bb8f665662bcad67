//! Seeded chance: small, and the same on every machine (`SplitMix64`).

/// Numbers by chance, the same again under the same seed.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The row of a seed. `name` tells it from others of the same seed.
    pub fn new(name: &str, seed: u64) -> Self {
        // FNV-1a.
        let name = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(seed ^ name)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next number from `least` to below `end`.
    ///
    /// # Panics
    /// If there is none.
    pub fn between(&mut self, least: u64, end: u64) -> u64 {
        assert!(least < end, "no number from {least} to below {end}");
        least + self.number() % (end - least)
    }

    /// True this often, 0 to 1.
    pub fn chance(&mut self, chance: f64) -> bool {
        // Exact for 32 bits, which is finer than any chance that a test names.
        let top = u32::try_from(self.number() >> 32).unwrap_or(u32::MAX);
        f64::from(top) < chance * (f64::from(u32::MAX) + 1.0)
    }

    /// One of these.
    ///
    /// # Panics
    /// If there is none.
    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let count = u64::try_from(all.len()).expect("a count");
        &all[usize::try_from(self.between(0, count)).expect("an index")]
    }
}

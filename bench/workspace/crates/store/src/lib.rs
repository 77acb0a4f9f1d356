//! Hits in memory, and sums over them.

use std::sync::Arc;

use indexmap::IndexMap;
use itertools::Itertools;
use model::{Hit, Outcome};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tokio::sync::RwLock;

/// Sums over one section of a site.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Section {
    pub hits: u64,
    pub bytes: u64,
    pub broken: u64,
}

impl Section {
    fn of(hit: &Hit) -> Section {
        Section { hits: 1, bytes: hit.bytes, broken: u64::from(hit.outcome() == Outcome::Broken) }
    }

    fn and(self, other: &Section) -> Section {
        Section { hits: self.hits + other.hits, bytes: self.bytes + other.bytes, broken: self.broken + other.broken }
    }
}

/// Sections by name, the busiest first.
pub type Summary = IndexMap<String, Section>;

/// All hits of a process; clones share them.
#[derive(Clone, Default)]
pub struct Store(Arc<RwLock<Vec<Hit>>>);

impl Store {
    pub async fn add(&self, hits: Vec<Hit>) -> usize {
        let mut held = self.0.write().await;
        held.extend(hits);
        held.len()
    }

    pub async fn latest(&self, count: usize) -> Vec<Hit> {
        self.0.read().await.iter().sorted_by_key(|hit| std::cmp::Reverse(hit.at)).take(count).cloned().collect()
    }

    pub async fn summary(&self) -> Summary {
        summary(&self.0.read().await)
    }
}

/// Sums by section over all cores.
pub fn summary(hits: &[Hit]) -> Summary {
    let sums = hits
        .par_iter()
        .fold(Summary::new, |mut sums, hit| {
            add(&mut sums, hit.section(), &Section::of(hit));
            sums
        })
        .reduce(Summary::new, |mut all, part| {
            part.iter().for_each(|(name, section)| add(&mut all, name, section));
            all
        });
    sums.into_iter().sorted_by(|a, b| b.1.hits.cmp(&a.1.hits).then_with(|| a.0.cmp(&b.0))).collect()
}

fn add(sums: &mut Summary, name: &str, section: &Section) {
    let sum = sums.entry(name.to_owned()).or_default();
    *sum = std::mem::take(sum).and(section);
}

//! Hits in memory, and sums over them.

use std::sync::Arc;

use indexmap::IndexMap;
use itertools::Itertools;
use model::{Hit, Outcome};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tantivy::collector::TopDocs;
use tantivy::query::QueryParser;
use tantivy::schema::{STORED, Schema, TEXT, Value};
use tantivy::{Index, TantivyDocument, doc};
use tokio::sync::RwLock;

/// Memory of an index while it is made; tantivy takes no less.
const INDEX_BYTES: usize = 15_000_000;

/// Sums over one section of a site.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Section {
    pub hits: u64,
    pub bytes: u64,
    pub broken: u64,
}

impl Section {
    fn of(hit: &Hit) -> Section {
        Section {
            hits: 1,
            bytes: hit.bytes,
            broken: u64::from(hit.outcome() == Outcome::Broken),
        }
    }

    fn and(self, other: &Section) -> Section {
        Section {
            hits: self.hits + other.hits,
            bytes: self.bytes + other.bytes,
            broken: self.broken + other.broken,
        }
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

    /// Hits whose address holds one of the words, the best match first.
    pub async fn find(&self, words: &str, count: usize) -> tantivy::Result<Vec<Hit>> {
        let held = self.0.read().await;
        let mut schema = Schema::builder();
        let (address, place) = (
            schema.add_text_field("address", TEXT),
            schema.add_u64_field("place", STORED),
        );
        let index = Index::create_in_ram(schema.build());
        let mut writer = index.writer_with_num_threads(1, INDEX_BYTES)?;
        for (at, hit) in held.iter().enumerate() {
            writer.add_document(doc!(address => hit.url.as_str(), place => at as u64))?;
        }
        writer.commit()?;
        let searcher = index.reader()?.searcher();
        let query = QueryParser::for_index(&index, vec![address]).parse_query(words)?;
        let best = searcher.search(&query, &TopDocs::with_limit(count).order_by_score())?;
        let places = best.into_iter().map(|(_, at)| {
            let found: TantivyDocument = searcher.doc(at)?;
            Ok(found
                .get_first(place)
                .and_then(|value| value.as_u64())
                .unwrap_or_default() as usize)
        });
        places.map_ok(|place: usize| held[place].clone()).collect()
    }

    pub async fn latest(&self, count: usize) -> Vec<Hit> {
        self.0
            .read()
            .await
            .iter()
            .sorted_by_key(|hit| std::cmp::Reverse(hit.at))
            .take(count)
            .cloned()
            .collect()
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
            part.iter()
                .for_each(|(name, section)| add(&mut all, name, section));
            all
        });
    sums.into_iter()
        .sorted_by(|a, b| b.1.hits.cmp(&a.1.hits).then_with(|| a.0.cmp(&b.0)))
        .collect()
}

fn add(sums: &mut Summary, name: &str, section: &Section) {
    let sum = sums.entry(name.to_owned()).or_default();
    *sum = std::mem::take(sum).and(section);
}

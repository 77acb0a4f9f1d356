//! What one line of a web log says.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

/// How a request ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Served,
    Moved,
    Refused,
    Broken,
}

impl Outcome {
    pub fn of(status: u16) -> Outcome {
        match status {
            0..300 => Outcome::Served,
            300..400 => Outcome::Moved,
            400..500 => Outcome::Refused,
            _ => Outcome::Broken,
        }
    }
}

/// One request and its answer.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Hit {
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub client: String,
    pub url: Url,
    pub status: u16,
    pub bytes: u64,
}

impl Hit {
    /// An id that no other hit has.
    pub fn new_id() -> Uuid {
        Uuid::new_v4()
    }

    pub fn outcome(&self) -> Outcome {
        Outcome::of(self.status)
    }

    /// The first part of the path: what a person calls a section of the site.
    pub fn section(&self) -> &str {
        self.url.path_segments().and_then(|mut parts| parts.next()).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_codes_by_their_hundreds() {
        assert_eq!(Outcome::of(204), Outcome::Served);
        assert_eq!(Outcome::of(308), Outcome::Moved);
        assert_eq!(Outcome::of(404), Outcome::Refused);
        assert_eq!(Outcome::of(503), Outcome::Broken);
    }
}

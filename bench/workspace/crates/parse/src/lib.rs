//! The common log format, line by line.

use std::sync::LazyLock;

use chrono::DateTime;
use model::Hit;
use regex::Regex;
use url::Url;

/// Why a line is not a hit; the number is the line's.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("line {0} is not in the common log format")]
    Shape(usize),
    #[error("line {0}: {1}")]
    Time(usize, chrono::ParseError),
    #[error("line {0}: {1}")]
    Path(usize, url::ParseError),
    #[error("line {0}: {1}")]
    Number(usize, std::num::ParseIntError),
}

static LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^(?<client>\S+) \S+ \S+ \[(?<at>[^\]]+)\] "[A-Z]+ (?<path>\S+) [^"]*" (?<status>\d{3}) (?<bytes>\d+|-)$"#)
        .expect("a constant pattern")
});

/// All hits of a log; their paths are those of `site`.
pub fn hits(text: &str, site: &Url) -> Result<Vec<Hit>, Fault> {
    text.lines().enumerate().map(|(at, line)| hit(at + 1, line, site)).collect()
}

fn hit(number: usize, line: &str, site: &Url) -> Result<Hit, Fault> {
    let found = LINE.captures(line).ok_or(Fault::Shape(number))?;
    let at = DateTime::parse_from_str(&found["at"], "%d/%b/%Y:%H:%M:%S %z").map_err(|fault| Fault::Time(number, fault))?;
    let bytes = match &found["bytes"] {
        "-" => 0,
        digits => digits.parse().map_err(|fault| Fault::Number(number, fault))?,
    };
    Ok(Hit {
        id: Hit::new_id(),
        at: at.to_utc(),
        client: found["client"].to_owned(),
        url: site.join(&found["path"]).map_err(|fault| Fault::Path(number, fault))?,
        status: found["status"].parse().map_err(|fault| Fault::Number(number, fault))?,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Url {
        Url::parse("http://site.example/").expect("a constant address")
    }

    #[test]
    fn a_line_becomes_a_hit() {
        let line = r#"10.0.0.1 - - [10/Oct/2025:13:55:36 +0200] "GET /docs/a HTTP/1.1" 200 2326"#;
        let found = hits(line, &site()).expect("a good line");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].section(), found[0].status, found[0].bytes), ("docs", 200, 2326));
        assert_eq!(found[0].at.to_rfc3339(), "2025-10-10T11:55:36+00:00");
    }

    #[test]
    fn a_fault_names_its_line() {
        let fault = hits("nonsense", &site()).expect_err("not a log");
        assert_eq!(fault.to_string(), "line 1 is not in the common log format");
    }
}

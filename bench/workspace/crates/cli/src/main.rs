//! `hits serve` keeps hits; `hits add`, `hits latest` and `hits summary` talk to it; `hits sum` needs no server.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use client::Client;
use settings::Settings;
use store::Store;
use tracing_subscriber::EnvFilter;
use url::Url;

#[derive(Parser)]
#[command(about = "A web log's hits: parsed, kept, served and asked for", version)]
struct Words {
    /// Settings, TOML or YAML by the file's name.
    #[arg(long, env = "HITS_SETTINGS", global = true)]
    settings: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Keep hits and serve them.
    Serve,
    /// Send a log to the server.
    Add { log: PathBuf },
    /// The latest hits of the server.
    Latest {
        #[arg(default_value_t = 20)]
        count: usize,
    },
    /// The sums of the server.
    Summary,
    /// Sum up a log without a server.
    Sum {
        log: PathBuf,
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Csv,
    Json,
}

impl From<Format> for report::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Text => report::Format::Text,
            Format::Csv => report::Format::Csv,
            Format::Json => report::Format::Json,
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let words = Words::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
    let settings = words.settings.as_deref().map(Settings::read).transpose()?.unwrap_or_default();
    let site = Url::parse(&settings.site).context("site")?;
    let client = || anyhow::Ok(Client::new(Url::parse(&format!("http://{}/", settings.listen))?));
    match words.verb {
        Verb::Serve => {
            let listener = tokio::net::TcpListener::bind(settings.listen).await?;
            tracing::info!(address = %listener.local_addr()?, "serving");
            let stop = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
            api::serve(listener, api::routes(Store::default(), site), stop).await?;
        }
        Verb::Add { log } => println!("{}", client()?.add(std::fs::read_to_string(log)?).await?),
        Verb::Latest { count } => {
            client()?.latest(count).await?.iter().for_each(|hit| println!("{} {} {}", hit.at, hit.status, hit.url));
        }
        Verb::Summary => print!("{}", report::write(&client()?.summary().await?, report::Format::Text)?),
        Verb::Sum { log, format } => {
            let hits = parse::hits(&std::fs::read_to_string(log)?, &site)?;
            print!("{}", report::write(&store::summary(&hits), format.into())?);
        }
    }
    Ok(())
}

//! What the command line of `torture` asks for.

use std::path::PathBuf;

/// The options, as `--help` shows them.
pub const USAGE: &str = "\
usage: torture --php PHP --extension SO [options]
  --php PHP              the PHP of the processes that are killed
  --extension SO         the extension for it, built with the feature `failpoints`
  --frankenphp PROGRAM   with --zts-extension: threads of a FrankenPHP are part of the crowd
  --zts-extension SO     the extension for FrankenPHP, an ordinary build
  --scenario NAME        storm, points, heirs, crowd, failure, outbox, senders, or all (default)
  --seed N               what is random comes from this number (default: a new one, printed first)
  --kills N              kills of the storm, and up to 1000 of them of the outbox (default 400)
  --seconds N            the storm ends after so long, however many were killed (default 3600)
  --processes N          processes of the storm (default 12)
  --configurations N     what they build (default 20)
  --crowd N              how many ask at once (default 200)
  --rounds N             deaths of builders and of stewards each, with heirs (default 20)
  --point NAME           this named place only
  --hang SECONDS         a deed that takes longer hangs (default 60)
  --keep                 leave directories and logs, and say where
  --help                 this text
";

/// See [`USAGE`].
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the usage says it")]
pub struct Arguments {
    pub php: PathBuf,
    pub extension: PathBuf,
    pub frankenphp: Option<(PathBuf, PathBuf)>,
    pub scenario: String,
    pub seed: u64,
    pub kills: usize,
    pub seconds: u64,
    pub processes: usize,
    pub configurations: usize,
    pub crowd: usize,
    pub rounds: usize,
    pub point: Option<String>,
    pub hang: u64,
    pub keep: bool,
}

impl Arguments {
    /// Reads them; `seed` is taken where none is given.
    ///
    /// # Errors
    /// What is wrong with which one.
    pub fn parse(words: impl Iterator<Item = String>, seed: u64) -> Result<Self, String> {
        let (mut php, mut extension, mut frankenphp, mut zts) = (None, None, None, None);
        let mut parsed = Self {
            php: PathBuf::new(),
            extension: PathBuf::new(),
            frankenphp: None,
            scenario: "all".to_owned(),
            seed,
            kills: 400,
            seconds: 3600,
            processes: 12,
            configurations: 20,
            crowd: 200,
            rounds: 20,
            point: None,
            hang: 60,
            keep: false,
        };
        let mut words = words;
        while let Some(flag) = words.next() {
            if flag == "--keep" {
                parsed.keep = true;
                continue;
            }
            let value = words
                .next()
                .ok_or_else(|| format!("{flag} needs a value (--help tells which)"))?;
            let number = || {
                value
                    .parse::<u64>()
                    .map_err(|_| format!("{flag} {value:?}: not a whole number"))
            };
            let count = || number().map(|number| number.max(1) as usize);
            match flag.as_str() {
                "--php" => php = Some(value.into()),
                "--extension" => extension = Some(value.into()),
                "--frankenphp" => frankenphp = Some(value.into()),
                "--zts-extension" => zts = Some(value.into()),
                "--scenario" => parsed.scenario = value,
                "--seed" => parsed.seed = number()?,
                "--kills" => parsed.kills = count()?,
                "--seconds" => parsed.seconds = number()?,
                "--processes" => parsed.processes = count()?,
                "--configurations" => parsed.configurations = count()?,
                "--crowd" => parsed.crowd = count()?,
                "--rounds" => parsed.rounds = count()?,
                "--point" => parsed.point = Some(value),
                "--hang" => parsed.hang = number()?,
                other => return Err(format!("{other}: no such option (--help lists them)")),
            }
        }
        parsed.php = php.ok_or("--php is missing: the PHP whose processes are killed")?;
        parsed.extension =
            extension.ok_or("--extension is missing: pillion with the feature failpoints")?;
        parsed.frankenphp = frankenphp.zip(zts);
        Ok(parsed)
    }

    /// How to do it again.
    pub fn again(&self, scenario: &str) -> String {
        let mut again = format!(
            "scripts/torture.sh --scenario {scenario} --seed {} --kills {} --processes {} --configurations {} --crowd {} --rounds {}",
            self.seed, self.kills, self.processes, self.configurations, self.crowd, self.rounds,
        );
        if let Some(point) = &self.point {
            again.push_str(&format!(" --point {point}"));
        }
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned), 7)
    }

    #[test]
    fn what_is_told_again_means_the_same() {
        let asked = parse("--php p --extension e --kills 9 --crowd 3 --point slot.taken").unwrap();
        assert_eq!(asked.seed, 7, "the new one, where none is given");
        let again = asked.again("points");
        let again = again.strip_prefix("scripts/torture.sh ").unwrap();
        let told = parse(&format!("--php p --extension e {again}")).unwrap();
        assert_eq!((told.kills, told.crowd, told.seed), (9, 3, 7));
        assert_eq!(
            (told.scenario.as_str(), told.point.as_deref()),
            ("points", Some("slot.taken"))
        );
    }

    #[test]
    fn what_is_wrong_is_told_by_its_name() {
        assert!(parse("--php p").unwrap_err().contains("--extension"));
        assert!(parse("--kills many").unwrap_err().contains("--kills"));
        assert!(parse("--dance").unwrap_err().contains("--dance"));
        assert!(parse("--seed").unwrap_err().contains("--seed"));
    }
}

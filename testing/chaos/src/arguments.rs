//! The command line of `chaos`.

use std::path::PathBuf;

/// The options, as `--help` shows them.
pub const USAGE: &str = "\
usage: chaos --php PHP --extension SO [options]
  --php PHP              the PHP of the processes that are killed
  --extension SO         the extension for it, built with the feature `failpoints`
  --frankenphp PROGRAM   with --zts-extension: threads of a FrankenPHP take part in thundering_herd
  --zts-extension SO     the extension for FrankenPHP, an ordinary build
  --pillion PROGRAM      the program `pillion`, for serve
  --scenario NAME        failpoints, random_kills, failover, thundering_herd, build_failure, outbox, senders, cache,
                         serve, or all (default)
  --seed N               the seed of all random numbers (default: a new one, printed first)
  --kills N              kills of random_kills, cache and serve, and up to 1000 of outbox (default 400)
  --seconds N            time limit of random_kills (default 3600)
  --processes N          processes of random_kills (default 12)
  --configurations N     build configurations (default 20)
  --callers N            concurrent requests of thundering_herd, build_failure, senders (default 200)
  --rounds N             deaths of builders and of leaders each, in failover (default 20)
  --point NAME           this failpoint only
  --hang SECONDS         an operation that takes longer counts as hung (default 60)
  --keep                 keep directories and logs, and print their paths
  --help                 this text
";

/// See [`USAGE`].
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the usage says it")]
pub struct Arguments {
    pub php: PathBuf,
    pub extension: PathBuf,
    pub frankenphp: Option<(PathBuf, PathBuf)>,
    pub pillion: Option<PathBuf>,
    pub scenario: String,
    pub seed: u64,
    pub kills: usize,
    pub seconds: u64,
    pub processes: usize,
    pub configurations: usize,
    pub callers: usize,
    pub rounds: usize,
    pub point: Option<String>,
    pub hang: u64,
    pub keep: bool,
}

impl Arguments {
    /// Reads them; `seed` is taken where none is given.
    ///
    /// # Errors
    /// A message that names the wrong argument.
    pub fn parse(words: impl Iterator<Item = String>, seed: u64) -> Result<Self, String> {
        let (mut php, mut extension, mut frankenphp, mut zts) = (None, None, None, None);
        let mut parsed = Self {
            php: PathBuf::new(),
            extension: PathBuf::new(),
            frankenphp: None,
            pillion: None,
            scenario: "all".to_owned(),
            seed,
            kills: 400,
            seconds: 3600,
            processes: 12,
            configurations: 20,
            callers: 200,
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
                "--pillion" => parsed.pillion = Some(value.into()),
                "--zts-extension" => zts = Some(value.into()),
                "--scenario" => parsed.scenario = value,
                "--seed" => parsed.seed = number()?,
                "--kills" => parsed.kills = count()?,
                "--seconds" => parsed.seconds = number()?,
                "--processes" => parsed.processes = count()?,
                "--configurations" => parsed.configurations = count()?,
                "--callers" => parsed.callers = count()?,
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
    pub fn repeat_command(&self, scenario: &str) -> String {
        let mut repeat_command = format!(
            "scripts/chaos.sh --scenario {scenario} --seed {} --kills {} --processes {} --configurations {} --callers {} --rounds {}",
            self.seed, self.kills, self.processes, self.configurations, self.callers, self.rounds,
        );
        if let Some(point) = &self.point {
            repeat_command.push_str(&format!(" --point {point}"));
        }
        repeat_command
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
        let build_requests =
            parse("--php p --extension e --kills 9 --callers 3 --point slot.taken").unwrap();
        assert_eq!(build_requests.seed, 7, "the new one, where none is given");
        let repeat_command = build_requests.repeat_command("failpoints");
        let repeat_command = repeat_command.strip_prefix("scripts/chaos.sh ").unwrap();
        let told = parse(&format!("--php p --extension e {repeat_command}")).unwrap();
        assert_eq!((told.kills, told.callers, told.seed), (9, 3, 7));
        assert_eq!(
            (told.scenario.as_str(), told.point.as_deref()),
            ("failpoints", Some("slot.taken"))
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

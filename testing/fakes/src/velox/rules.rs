//! Selects the behaviour for a request, and counts its use. The time is a parameter.

use std::time::{Duration, Instant};

use super::behaviour::{Behaviour, When};
use super::message::BuildRequest;

struct Rule {
    behaviour: Behaviour,
    passed: u32,
    used: u32,
    first_use: Option<Instant>,
}

/// Behaviours in order of precedence.
#[derive(Default)]
pub(super) struct Rules(Vec<Rule>);

impl Rules {
    /// Appends a behaviour.
    pub(super) fn add(&mut self, behaviour: Behaviour) {
        self.0.push(Rule {
            behaviour,
            passed: 0,
            used: 0,
            first_use: None,
        });
    }

    /// The first behaviour that matches and is not used up; counts one use.
    pub(super) fn choose(&mut self, request: &BuildRequest, now: Instant) -> Option<Behaviour> {
        for rule in &mut self.0 {
            let behaviour = &rule.behaviour;
            let over = |first: Instant| {
                behaviour
                    .for_ms
                    .is_some_and(|ms| now - first >= Duration::from_millis(ms))
            };
            if behaviour.times.is_some_and(|times| rule.used >= times)
                || rule.first_use.is_some_and(over)
                || !fits(&behaviour.when, request)
            {
                continue;
            }
            if rule.passed < behaviour.skip {
                rule.passed += 1;
                continue;
            }
            rule.used += 1;
            rule.first_use.get_or_insert(now);
            return Some(behaviour.clone());
        }
        None
    }
}

fn fits(when: &When, request: &BuildRequest) -> bool {
    let plugin = when.module.is_none() && when.tag.is_none()
        || request
            .plugins
            .iter()
            .any(|p| text_fits(&when.module, &p.first) && text_fits(&when.tag, &p.second));
    plugin
        && text_fits(&when.rr_version, &request.rr_version)
        && text_fits(&when.request_id, &request.request_id)
        && when
            .force
            .is_none_or(|force| force == request.force_rebuild)
}

fn text_fits(wanted: &Option<String>, text: &str) -> bool {
    wanted
        .as_ref()
        .is_none_or(|wanted| match wanted.strip_suffix('*') {
            Some(start) => text.starts_with(start),
            None => text == wanted,
        })
}

#[cfg(test)]
mod tests {
    use super::super::answer::Answer;
    use super::super::message::Pair;
    use super::*;

    fn request(version: &str, plugins: &[(&str, &str)]) -> BuildRequest {
        let plugins = plugins
            .iter()
            .map(|(m, t)| Pair {
                first: (*m).into(),
                second: (*t).into(),
            })
            .collect();
        BuildRequest {
            rr_version: version.into(),
            plugins,
            ..Default::default()
        }
    }

    #[test]
    fn behaviour_obeys_skip_and_times() {
        let mut rules = Rules::default();
        rules.add(Behaviour {
            skip: 1,
            ..Behaviour::from(Answer::Busy).times(2)
        });
        let now = Instant::now();
        let chosen: Vec<bool> = (0..5)
            .map(|_| rules.choose(&request("v1.1.1", &[]), now).is_some())
            .collect();
        assert_eq!(chosen, [false, true, true, false, false]);
    }

    #[test]
    fn behaviour_expires_after_its_first_use() {
        let mut rules = Rules::default();
        rules.add(Behaviour::from(Answer::Busy).lasting(Duration::from_millis(100)));
        let start = Instant::now() + Duration::from_secs(60);
        let at = |ms| start + Duration::from_millis(ms);
        let chosen: Vec<bool> = [0, 99, 100, 5000]
            .map(|ms| rules.choose(&request("v1.1.1", &[]), at(ms)).is_some())
            .to_vec();
        assert_eq!(chosen, [true, true, false, false]);
    }

    #[test]
    fn module_and_tag_must_match_the_same_plugin() {
        let when = When {
            module: Some("example.com/a*".into()),
            tag: Some("v2".into()),
            ..When::default()
        };
        assert!(fits(
            &when,
            &request(
                "v1.1.1",
                &[("example.com/b", "v1"), ("example.com/abc", "v2")]
            )
        ));
        assert!(!fits(
            &when,
            &request(
                "v1.1.1",
                &[("example.com/a", "v1"), ("example.com/b", "v2")]
            )
        ));
        assert!(fits(&When::default(), &request("v1.1.1", &[])));
    }
}

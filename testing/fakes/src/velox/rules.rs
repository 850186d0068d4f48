//! Selects the behaviour for a request, and counts its use.

use super::behaviour::{Behaviour, When};
use super::message::BuildRequest;

struct Rule {
    behaviour: Behaviour,
    passed: u32,
    used: u32,
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
        });
    }

    /// The first behaviour that matches and is not used up; counts one use.
    pub(super) fn choose(&mut self, request: &BuildRequest) -> Option<Behaviour> {
        for rule in &mut self.0 {
            let behaviour = &rule.behaviour;
            if behaviour.times.is_some_and(|times| rule.used >= times)
                || !fits(&behaviour.when, request)
            {
                continue;
            }
            if rule.passed < behaviour.skip {
                rule.passed += 1;
                continue;
            }
            rule.used += 1;
            return Some(behaviour.clone());
        }
        None
    }
}

fn fits(when: &When, request: &BuildRequest) -> bool {
    let mut plugins = request.plugins.iter();
    (when.tag.is_none() || plugins.any(|plugin| text_fits(&when.tag, &plugin.tag)))
        && text_fits(&when.rr_version, &request.rr_version)
        && text_fits(&when.request_id, &request.request_id)
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
    use super::super::message::Plugin;
    use super::*;

    #[test]
    fn behaviour_obeys_skip_and_times() {
        let mut rules = Rules::default();
        rules.add(Behaviour {
            skip: 1,
            ..Behaviour::from(Answer::Busy).times(2)
        });
        let request = BuildRequest::default();
        let chosen = [(); 5].map(|()| rules.choose(&request).is_some());
        assert_eq!(chosen, [false, true, true, false, false]);
    }

    #[test]
    fn behaviour_applies_to_its_version_or_tag_only() {
        let request = BuildRequest {
            rr_version: "v1.1.1".into(),
            plugins: vec![Plugin {
                tag: "v2".into(),
                ..Plugin::default()
            }],
            ..BuildRequest::default()
        };
        let when = |version: Option<&str>, tag: Option<&str>| When {
            rr_version: version.map(str::to_owned),
            tag: tag.map(str::to_owned),
            ..When::default()
        };
        assert!(fits(&When::default(), &request));
        assert!(fits(&when(Some("v1.*"), Some("v2")), &request));
        assert!(!fits(&when(Some("v1.1"), None), &request));
        assert!(!fits(&when(None, Some("v3")), &request));
    }
}

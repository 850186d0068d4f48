//! Writes the Go module of one build: a `go.mod` that pins what was asked for beside the release's own
//! parts, and a `main.go` that registers it all. The same plan gives the same bytes, always: that is
//! half of a reproducible build. Whatever is written here has passed `grammar`. Pure, any thread.

use crate::build::{
    rpc::protocol::{Exclude, Plugin, Replace},
    toolchain::releases::{self, CoreVersion, Release},
};

const TEMPLATE: &str = include_str!("template/main.go.tmpl");

/// Everything that one build's module says.
#[derive(Debug)]
pub(super) struct Plan {
    release: Release,
    /// Registered, besides informer and resetter; in module order.
    plugins: Vec<CoreVersion>,
    replaces: Vec<Replace>,
    excludes: Vec<Exclude>,
}

impl Plan {
    /// `plugins` have versions that Go takes as they stand. Parts of RoadRunner among them take the
    /// place of the release's own.
    pub(super) fn new(
        mut release: Release,
        plugins: Vec<Plugin>,
        replaces: &[Replace],
        excludes: &[Exclude],
    ) -> Self {
        let mut others: Vec<CoreVersion> = Vec::new();
        for Plugin {
            module_name: module,
            tag: version,
        } in plugins
        {
            let pin = CoreVersion { module, version };
            match releases::is_part(&pin.module) {
                Some("config") => release.config = pin,
                Some("endure") => release.endure = pin,
                Some("informer") => release.informer = pin,
                Some("resetter") => release.resetter = pin,
                _ if others.contains(&pin) => {}
                _ => others.push(pin),
            }
        }
        others.sort_by(|a, b| a.module.cmp(&b.module));
        Self {
            release,
            plugins: others,
            replaces: replaces.to_vec(),
            excludes: excludes.to_vec(),
        }
    }

    /// The `go.mod`. What else is needed, `go mod tidy` adds.
    pub(super) fn go_mod(&self) -> String {
        let parts = [&self.release.config, &self.release.endure];
        let mut out = format!("module rr\n\ngo {}\n\nrequire (\n", self.release.go);
        for pin in parts.into_iter().chain(self.registered()) {
            out += &format!("\t{} {}\n", pin.module, pin.version);
        }
        out += ")\n";
        for Replace { new, old } in &self.replaces {
            // On the left a version is optional; on the right it is, too, for a directory.
            let new = if new.starts_with('/') {
                format!("{new:?}")
            } else {
                new.replacen('@', " ", 1)
            };
            out += &format!("\nreplace {} => {new}\n", old.replacen('@', " ", 1));
        }
        for Exclude { module, version } in &self.excludes {
            out += &format!("\nexclude {module} {version}\n");
        }
        out
    }

    /// The `main.go`.
    pub(super) fn main_go(&self) -> String {
        let (mut imports, mut plugins, mut names) = (Vec::new(), String::new(), String::new());
        for (number, pin) in self.registered().enumerate() {
            // A number and not the package's name: that is known to the compiler only, and two
            // plugins may share it.
            imports.push((&pin.module, number));
            plugins += &format!("\t\t&p{number}.Plugin{{}},\n");
            names += &format!(
                "\t\t{:?} +\n",
                format!("  {} {}\n", pin.module, pin.version)
            );
        }
        // As gofmt sorts them.
        imports.sort();
        let imports: String = imports
            .iter()
            .map(|(module, number)| format!("\tp{number} {module:?}\n"))
            .collect();
        // Until its fourth major version the configuration plugin needs to be told the prefix of
        // its environment variables.
        let told = ["/config/v2", "/config/v3", "/config/v4"]
            .iter()
            .any(|old| self.release.config.module.ends_with(old));
        TEMPLATE
            .replace("{{config}}", &format!("{:?}", self.release.config.module))
            .replace("{{version}}", &format!("{:?}", self.release.name))
            .replace(
                "{{prefix}}",
                if told {
                    "\t\tPrefix:               \"rr\",\n"
                } else {
                    ""
                },
            )
            .replace("{{imports}}", &imports)
            .replace("{{plugins}}", &plugins)
            .replace("{{names}}", &names)
    }

    fn registered(&self) -> impl Iterator<Item = &CoreVersion> {
        [&self.release.informer, &self.release.resetter]
            .into_iter()
            .chain(&self.plugins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(module: &str, tag: &str) -> Plugin {
        Plugin {
            module_name: format!("github.com/roadrunner-server/{module}"),
            tag: tag.into(),
        }
    }

    fn plan(plugins: Vec<Plugin>) -> Plan {
        let replaces = [
            Replace {
                old: "github.com/a/b".into(),
                new: "github.com/c/d@v1.0.0".into(),
            },
            Replace {
                old: "github.com/e/f@v1.2.3".into(),
                new: "/srv/my plugin".into(),
            },
        ];
        let excludes = [Exclude {
            module: "github.com/g/h/v2".into(),
            version: "v2.0.1".into(),
        }];
        Plan::new(
            Release::known("v2025.1.9").unwrap(),
            plugins,
            &replaces,
            &excludes,
        )
    }

    fn usual() -> Vec<Plugin> {
        vec![
            plugin("rpc/v5", "v5.1.9"),
            plugin("logger/v5", "v5.1.9"),
            plugin("logger/v5", "v5.1.9"),
        ]
    }

    #[test]
    fn the_module_is_written_as_the_golden_files_show() {
        assert_eq!(plan(usual()).go_mod(), include_str!("golden/go.mod.txt"));
        assert_eq!(plan(usual()).main_go(), include_str!("golden/main.go.txt"));
    }

    #[test]
    fn a_part_that_is_asked_for_takes_the_place_of_the_releases_own() {
        let plan = plan(vec![
            plugin("informer/v4", "v4.5.5"),
            plugin("config/v4", "v4.9.3"),
        ]);
        let (go_mod, main) = (plan.go_mod(), plan.main_go());
        assert!(go_mod.contains("\tgithub.com/roadrunner-server/informer/v4 v4.5.5\n"));
        assert!(!go_mod.contains("informer/v5") && !go_mod.contains("config/v5"));
        assert_eq!(
            main.matches("informer").count(),
            2,
            "imported once, named once"
        );
        assert_eq!(
            main.matches(".Plugin{}").count(),
            2,
            "the configuration is registered by the main itself"
        );
        assert!(main.contains("Prefix:               \"rr\","));
    }

    #[test]
    fn no_placeholder_is_left() {
        assert!(!plan(usual()).main_go().contains("{{"));
    }
}

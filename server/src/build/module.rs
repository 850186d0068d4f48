//! Writes the Go module of one build: a `go.mod` that pins the requested plugins beside the release's core plugins, and
//! a `main.go` that registers them. The same plan gives the same bytes, which makes builds reproducible. All text
//! written here has passed `grammar`. Pure, any thread.

use pillion_engine::velox::{Exclude, Plugin, Replace};

use crate::build::toolchain::releases::{self, CoreVersion, Release};

const TEMPLATE: &str = include_str!("template/main.go.tmpl");

/// Contents of one build's module.
#[derive(Debug)]
pub(super) struct ModulePlan {
    release: Release,
    /// Registered beside informer and resetter; sorted by module, each once.
    plugins: Vec<Plugin>,
    replaces: Vec<Replace>,
    excludes: Vec<Exclude>,
}

impl ModulePlan {
    /// The plan for plugins with canonical versions. A core plugin among them replaces the release's own.
    pub(super) fn new(
        mut release: Release,
        requested: Vec<Plugin>,
        replaces: &[Replace],
        excludes: &[Exclude],
    ) -> Self {
        let mut plugins: Vec<Plugin> = Vec::new();
        for plugin in requested {
            let core = match releases::core_plugin(&plugin.module_name) {
                Some("config") => &mut release.config,
                Some("endure") => &mut release.endure,
                Some("informer") => &mut release.informer,
                Some("resetter") => &mut release.resetter,
                _ => {
                    plugins.push(plugin);
                    continue;
                }
            };
            *core = CoreVersion {
                module: plugin.module_name,
                version: plugin.tag,
            };
        }
        plugins.sort();
        plugins.dedup();
        Self {
            release,
            plugins,
            replaces: replaces.to_vec(),
            excludes: excludes.to_vec(),
        }
    }

    /// The `go.mod`, to which `go mod tidy` adds indirect requirements.
    pub(super) fn go_mod(&self) -> String {
        let unregistered = [&self.release.config, &self.release.endure].map(CoreVersion::parts);
        let mut out = format!("module rr\n\ngo {}\n\nrequire (\n", self.release.go);
        for (module, version) in unregistered.into_iter().chain(self.registered()) {
            out += &format!("\t{module} {version}\n");
        }
        out += ")\n";
        for Replace { new, old } in &self.replaces {
            // The version is optional on the left, and absent on the right for a directory.
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
        for (number, (module, version)) in self.registered().enumerate() {
            // A number, since only the compiler knows the package's name, and two plugins may share it.
            imports.push((module, number));
            plugins += &format!("\t\t&p{number}.Plugin{{}},\n");
            names += &format!("\t\t{:?} +\n", format!("  {module} {version}\n"));
        }
        // In gofmt's order.
        imports.sort();
        let imports: String = imports
            .iter()
            .map(|(module, number)| format!("\tp{number} {module:?}\n"))
            .collect();
        // Up to its fourth major version the configuration plugin has no default prefix of environment variables.
        let needs_prefix = ["/config/v2", "/config/v3", "/config/v4"]
            .iter()
            .any(|old| self.release.config.module.ends_with(old));
        TEMPLATE
            .replace("{{config}}", &format!("{:?}", self.release.config.module))
            .replace("{{version}}", &format!("{:?}", self.release.name))
            .replace(
                "{{prefix}}",
                if needs_prefix {
                    "\t\tPrefix:               \"rr\",\n"
                } else {
                    ""
                },
            )
            .replace("{{imports}}", &imports)
            .replace("{{plugins}}", &plugins)
            .replace("{{names}}", &names)
    }

    /// Module and version of each registered plugin.
    fn registered(&self) -> impl Iterator<Item = (&str, &str)> {
        let plugins = self.plugins.iter();
        [&self.release.informer, &self.release.resetter]
            .into_iter()
            .map(CoreVersion::parts)
            .chain(plugins.map(|plugin| (plugin.module_name.as_str(), plugin.tag.as_str())))
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

    fn plan(plugins: Vec<Plugin>) -> ModulePlan {
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
        ModulePlan::new(
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
    fn module_equals_the_golden_files() {
        assert_eq!(plan(usual()).go_mod(), include_str!("golden/go.mod.txt"));
        assert_eq!(plan(usual()).main_go(), include_str!("golden/main.go.txt"));
    }

    #[test]
    fn a_requested_core_plugin_replaces_the_releases_own() {
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
    fn main_go_has_no_placeholder_left() {
        assert!(!plan(usual()).main_go().contains("{{"));
    }
}

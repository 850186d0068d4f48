//! The metrics that PHP code names: opened by the first call, with those that the settings declare. They are never in
//! the way: where the file can't be had, the process counts in memory of its own. On PHP's threads.

use std::path::PathBuf;

use super::Engine;
use crate::{
    Error, Result,
    config::Capability,
    host::clock,
    metrics::{
        Family, Samples, Source,
        application::{self, Application, Refusal},
        application_memory as metric,
    },
};

const NAME: &str = "application-metrics-v1.seg";

impl Engine {
    /// The metrics of the application; `None` if there is no memory for them, or a setting of theirs is invalid.
    #[inline]
    pub fn application_metrics(&self) -> Option<&'static Application> {
        match application::current(clock::coarse_ms()) {
            Some(current) => Some(current),
            None => self.open_application_metrics(),
        }
    }

    #[cold]
    fn open_application_metrics(&self) -> Option<&'static Application> {
        self.check_capability(Capability::Metrics).ok()?;
        let settings = &self.settings().metrics;
        let bytes = usize::try_from(settings.memory_bytes).ok()?;
        let opened = self.application_path().and_then(|path| {
            self.dirs()?.restore()?;
            let opened = Application::open(&path, bytes)
                .map_err(|error| Error::io(path.display().to_string(), error))?;
            Ok((opened, Some(path)))
        });
        let (opened, path) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                log::warn!(error:%; "metrics of the application not shared with other processes");
                (Application::anonymous(bytes).ok()?, None)
            }
        };
        let application = application::install(opened, path);
        for definition in &settings.collect {
            match application.declare(definition.clone()) {
                Ok(()) => {}
                Err(Refusal::Invalid(rule)) => {
                    log::warn!(metric = definition.name.as_str(), rule = rule.as_str(); "metric not declared");
                }
                Err(Refusal::Full) => {
                    log::warn!(metric = definition.name.as_str(); "metric not declared: no memory");
                }
            }
        }
        Some(application)
    }

    /// The numbers of the application's metrics; none if no process has used any.
    #[must_use]
    pub fn application_families(&self) -> Vec<Family> {
        ApplicationMetrics::of(self).map_or_else(Vec::new, ApplicationMetrics::into_families)
    }

    fn application_path(&self) -> Result<PathBuf> {
        Ok(self.dirs()?.run.join(NAME))
    }
}

/// The metrics of the application, read for a page.
pub(super) struct ApplicationMetrics {
    application: &'static Application,
    families: Vec<Family>,
}

impl ApplicationMetrics {
    /// `None` if no process has used them yet, and none are declared: no page creates the file.
    pub(super) fn of(engine: &Engine) -> Option<Self> {
        let exists = || engine.application_path().is_ok_and(|path| path.exists());
        let is_declared = !engine.settings().metrics.collect.is_empty();
        let application = match application::current(clock::coarse_ms()) {
            Some(current) => current,
            None if is_declared || exists() => engine.application_metrics()?,
            None => return None,
        };
        Some(Self {
            application,
            families: application.families(),
        })
    }

    /// The families, for the page.
    pub(super) fn into_families(self) -> Vec<Family> {
        self.families
    }
}

impl Source for ApplicationMetrics {
    fn read(&self, samples: &mut Samples) {
        let series: usize = self
            .families
            .iter()
            .map(|family| family.samples.len())
            .sum();
        samples.add(&metric::SERIES, &[], series as f64);
        let (used, all) = self.application.usage();
        samples.add(&metric::BYTES, &["used"], used as f64);
        samples.add(&metric::BYTES, &["free"], all.saturating_sub(used) as f64);
        samples.add(&metric::REFUSED, &[], self.application.refused() as f64);
    }
}

//! The store of the host and the gateway of a run. One that can't be used is left out with a message: tasks run without
//! it.

use std::sync::Arc;

use pillion_engine::{
    Result,
    config::Capability,
    pipeline::{
        file::{FILE_NAME, Pipeline, Remote},
        inputs::record::Records,
        run::{Budget, Gateway, Results, Stop},
        store::Store,
    },
    remote::client::{Client, ClientOptions},
};
use tokio::runtime::Runtime;

use super::Arguments;
use crate::{output::remark, setting_arguments::SettingArguments};

/// Store, gateway and records.
pub(super) struct Setup {
    pub results: Results,
    pub records: Option<Records>,
    /// The line about a gateway that can't be used.
    pub remote_problem: Option<String>,
}

impl Setup {
    /// Opens the store, and prepares the client of the gateway.
    pub fn new(arguments: &Arguments, pipeline: &Pipeline, runtime: &Runtime, stop: &Stop) -> Self {
        let mut setup = Self {
            results: Results::default(),
            records: None,
            remote_problem: None,
        };
        match setup.open_store(arguments) {
            Ok(()) => {}
            Err(error) => remark(&format!("nothing is stored or restored: {error}")),
        }
        if arguments.no_remote || setup.results.store.is_none() {
            return setup;
        }
        match &pipeline.remote {
            Remote::Off => {}
            Remote::Unusable(why) => {
                setup.remote_problem = Some(format!("remote: not used ({FILE_NAME} {why})"));
            }
            Remote::On { url, token } => {
                let options = ClientOptions {
                    token: token.clone(),
                    timeout: arguments.remote_timeout,
                    ..ClientOptions::new(url.clone())
                };
                match Client::new(options) {
                    Ok(client) => {
                        let budget = Budget {
                            negotiation: arguments.remote_timeout,
                            ..Budget::default()
                        };
                        let (handle, token) = (runtime.handle().clone(), stop.token().clone());
                        setup.results.gateway = Some(Gateway::new(client, handle, budget, token));
                    }
                    Err(error) => {
                        setup.remote_problem = Some(format!("remote: not used ({error})"));
                    }
                }
            }
        }
        setup
    }

    fn open_store(&mut self, arguments: &Arguments) -> Result<()> {
        let directory = match &arguments.store {
            Some(directory) => directory.clone(),
            None => {
                let settings = arguments.settings.settings(Capability::Host)?;
                SettingArguments::dirs(&settings)?.state.join("pipeline")
            }
        };
        let store = Store::open(&directory.join("outputs"), arguments.store_size)?;
        self.results.store = Some(Arc::new(store));
        self.records = Some(Records::new(directory.join("records")));
        Ok(())
    }
}

//! The store of the host and the gateway of a run. One that can't be used is left out with a message: tasks run without
//! it.

use std::sync::Arc;

use pillion_engine::{
    Result,
    config::{Capability, RemoteMode},
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
}

impl Setup {
    /// Opens the store, and prepares the client of the gateway.
    pub fn new(arguments: &Arguments, pipeline: &Pipeline, runtime: &Runtime, stop: &Stop) -> Self {
        let mut setup = Self {
            results: Results::default(),
            records: None,
        };
        match setup.open_store(arguments) {
            Ok(()) => {}
            Err(error) => remark(&format!("nothing is stored or restored: {error}")),
        }
        if arguments.no_remote || setup.results.store.is_none() {
            return setup;
        }
        match Self::open_gateway(arguments, &pipeline.remote, runtime, stop) {
            Ok(gateway) => setup.results.gateway = gateway,
            Err(why) => setup.results.unused_gateway = Some(why),
        }
        setup
    }

    /// The gateway, or `None` if none is to be used.
    fn open_gateway(
        arguments: &Arguments,
        remote: &Remote,
        runtime: &Runtime,
        stop: &Stop,
    ) -> Result<Option<Gateway>, String> {
        let (url, token) = match remote {
            Remote::Off => return Ok(None),
            Remote::Unusable(why) => return Err(format!("{FILE_NAME} {why}")),
            Remote::On { url, token } => (url.clone(), token.clone()),
        };
        let settings = arguments.settings.settings(Capability::Remote);
        let mode = settings.map_err(|error| error.to_string())?.remote.mode;
        if mode == RemoteMode::Off {
            return Ok(None);
        }
        let client = Client::new(ClientOptions {
            token,
            timeout: arguments.remote_timeout,
            ..ClientOptions::new(url)
        });
        let client = client.map_err(|error| error.to_string())?;
        let budget = Budget {
            patience: arguments.remote_timeout,
            uploads: arguments.upload_timeout,
            ..Budget::default()
        };
        let is_written = mode == RemoteMode::ReadWrite;
        let (handle, token) = (runtime.handle().clone(), stop.token().clone());
        Ok(Some(Gateway::new(
            client, handle, budget, is_written, token,
        )))
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

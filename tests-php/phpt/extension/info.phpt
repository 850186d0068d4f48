--TEST--
php --ri pillion shows version, state, directories, and each setting with its source
--FILE--
<?php
require __DIR__ . '/../lib.inc';
file_put_contents($file = tempnam('/tmp', 'pillion'), "velox:\n  build_timeout: 90s\n  cache:\n    ttl_days: 3\n");
register_shutdown_function(fn () => @unlink($file));
putenv('PILLION_VELOX_RETRY_MAX_ATTEMPTS=7');
without_velox(['config' => $file, 'threads' => 2, 'velox_auth_token' => 'geheim']);

ob_start();
(new ReflectionExtension('pillion'))->info();
echo str_replace(scratch(), 'SCRATCH', ob_get_clean());
?>
--EXPECTF--
pillion

Pillion => enabled
Version => %d.%d.%d
Server API => cli
Runtime => not started (starts with the first job)
Heap => %d bytes
State directory => SCRATCH/state
Run directory => SCRATCH/run
Artifact cache => SCRATCH/state/.rr-cache/velox-binaries
Velox builds => disabled: velox.server_url is not set
Remote artifacts => disabled: remote.url is not set
Shared cache => enabled, namespace: none
Sentry => enabled, project: none

Setting => Value => Source
pillion.config => %s => INI
pillion.threads => 2 => INI
pillion.shutdown_timeout => 2s => default
pillion.state_dir => SCRATCH/state => INI
pillion.run_dir => SCRATCH/run => INI
pillion.group => no value => default
pillion.log => SCRATCH/log => INI
pillion.log_level => info => default
pillion.log_format => text => default
pillion.velox_server_url => no value => default
pillion.velox_build_timeout => 1m30s => %s
pillion.velox_request_timeout => 10s => default
pillion.velox_max_concurrent_builds => 5 => default
pillion.velox_path_map => SCRATCH/velox=SCRATCH/velox => INI
pillion.velox_auth_token => ******** => INI
pillion.velox_ca_file => no value => default
pillion.velox_mutable_ttl => 1h => default
pillion.velox_cache_enabled => on => default
pillion.velox_cache_dir => .rr-cache/velox-binaries => default
pillion.velox_cache_ttl_days => 3 => %s
pillion.velox_cache_max_size_mb => 5000 => default
pillion.velox_cache_max_entries => 16384 => default
pillion.velox_cache_cleanup_interval => 1h => default
pillion.velox_retry_max_attempts => 7 => environment PILLION_VELOX_RETRY_MAX_ATTEMPTS
pillion.velox_retry_initial_delay => 1ms => INI
pillion.velox_retry_max_delay => 5ms => INI
pillion.velox_retry_backoff_multiplier => 2.0 => default
pillion.remote_url => no value => default
pillion.remote_token => no value => default
pillion.remote_mode => read-write => default
pillion.remote_timeout => 10s => default
pillion.remote_ca_file => no value => default
pillion.delivery => auto => default
pillion.delivery_accel_map => no value => default
pillion.delivery_url => no value => default
pillion.delivery_trust_headers => off => default
pillion.delivery_ticket_lifetime => 1h => default
pillion.velox_intercept => off => default
pillion.sentry_enabled => on => default
pillion.sentry_dsn => no value => default
pillion.sentry_transport_timeout => 30s => default
pillion.sentry_transport_connect_timeout => 10s => default
pillion.sentry_transport_compression => on => default
pillion.sentry_transport_compression_level => 1 => default
pillion.sentry_transport_ssl_verify => on => default
pillion.sentry_transport_ca_file => no value => default
pillion.sentry_transport_proxy => no value => default
pillion.sentry_transport_proxy_auth => no value => default
pillion.sentry_retry_max_attempts => 3 => default
pillion.sentry_retry_initial_backoff => 1s => default
pillion.sentry_retry_backoff_multiplier => 2.0 => default
pillion.sentry_retry_max_backoff => 5m => default
pillion.sentry_retry_max_age => 24h => default
pillion.sentry_retry_server_errors => off => default
pillion.sentry_retry_drain_interval => 100ms => default
pillion.sentry_retry_dead_letter_queue => on => default
pillion.sentry_retry_dead_letter_max_count => 1000 => default
pillion.sentry_retry_dead_letter_max_size => 100 => default
pillion.sentry_queue_buffer_size => 1000 => default
pillion.sentry_queue_workers => 4 => default
pillion.sentry_queue_batch_size => 10 => default
pillion.sentry_queue_batch_timeout => 5s => default
pillion.sentry_outbox_size => 64 => default
pillion.sentry_max_payload_size => 200 => default
pillion.sentry_durability => memory => default
pillion.sentry_sync_interval => 500ms => default
pillion.sentry_send_client_reports => on => default
pillion.sentry_logging_level => info => default
pillion.cache_enabled => on => default
pillion.cache_memory => 32 => default
pillion.cache_local_size => 4 => default
pillion.cache_namespace => no value => default
pillion.cache_ttl_default => 5m => default
pillion.cache_producer_timeout => 10s => default
pillion.cache_patterns => no value => default
pillion.cache_hash_secret => no value => default
pillion.cache_url => no value => default
pillion.cache_ca_file => no value => default
pillion.cache_timeout_ms => 100 => default
pillion.cache_max_retries => 3 => default
pillion.cache_connection_pool_size => 10 => default
pillion.cache_write => through => default
pillion.cache_clear_database => off => default
pillion.apcu => off => default
pillion.metrics_memory => 4 => default
pillion.metrics_collect => no value => default
pillion.worker_reset => no value => default
pillion.worker_leak_check => off => default
pillion.worker_gc => off => default
pillion.worker_max_memory => 0 => default

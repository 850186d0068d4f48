--TEST--
An invalid Sentry setting is reported without secrets and disables Sentry only
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$sentry = with_sentry();

$bad = [
    'enabled' => 'maybe', 'dsn' => 'https://s3cret@', 'transport_timeout' => '1ms', 'transport_connect_timeout' => 'soon',
    'transport_compression' => 'gzip', 'transport_compression_level' => '10', 'transport_ssl_verify' => 'maybe',
    'transport_ca_file' => 'ca.pem', 'transport_proxy' => 'proxy:3128', 'transport_proxy_auth' => 's3cret s3cret',
    'retry_max_attempts' => '0', 'retry_initial_backoff' => '0', 'retry_backoff_multiplier' => '0.5', 'retry_max_backoff' => '0',
    'retry_max_age' => '0', 'retry_server_errors' => 'maybe', 'retry_drain_interval' => '-1s', 'retry_dead_letter_queue' => 'maybe',
    'retry_dead_letter_max_count' => '0', 'retry_dead_letter_max_size' => '0', 'queue_buffer_size' => '0', 'queue_workers' => '0',
    'queue_batch_size' => '0', 'queue_batch_timeout' => '2h', 'outbox_size' => '0', 'max_payload_size' => '0', 'durability' => 'tape',
    'sync_interval' => '0', 'send_client_reports' => 'maybe', 'logging_level' => 'loud',
];
$known = array_filter(array_keys(ini_get_all('pillion')), fn ($name) => str_starts_with($name, 'pillion.sentry_'));
var_dump(array_diff($known, array_map(fn ($name) => "pillion.sentry_$name", array_keys($bad))));
$started = [];
foreach ($bad as $name => $value) {
    $started[$name] = php_start('
        try {
            Pillion\Sentry\send(event(1));
        } catch (Pillion\ConfigException $e) {
            echo $e->getCode(), " ", $e->getMessage(), " ", json_encode(Pillion\Velox\find(request()));
        }
    ', ["sentry_$name" => $value]);
}
foreach ($started as $name => $process) {
    $output = php_end($process)['output'];
    preg_match("/^100 pillion\.sentry_$name \(INI\): found .*; expected .* null$/", $output) && !str_contains($output, 's3cret') || print("$name: $output\n");
}
var_dump($sentry->count('connections') > 0, $sentry->events());
?>
--EXPECT--
array(0) {
}
bool(true)
array(0) {
}

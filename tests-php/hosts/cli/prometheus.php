<?php

// The page of metrics before its readers: promtool, and a Prometheus that scrapes an application.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

/** Starts PHP's own server with the page, and returns its address. */
function application(Sandbox $sandbox): string
{
    $address = '127.0.0.1:' . free_port();
    $sandbox->start('php -S', [...$sandbox->phpCommand(), '-S', $address, \dirname(__DIR__) . '/files/metrics.php']);
    eventually('the page', fn (): bool => Http::get("http://{$address}/", 2)['status'] === 200);

    return $address;
}

/** @return array{0: int, 1: string} exit code and output of promtool */
function promtool(Sandbox $sandbox, string $input, string ...$arguments): array
{
    $program = \dirname((string) getenv('PROMETHEUS')) . '/promtool';
    $process = $sandbox->start('promtool', [$program, ...$arguments]);
    $process->writeLine(rtrim($input, "\n"));
    $process->endInput();
    $code = $process->wait(30);

    return [$code, $process->output() . $process->errors()];
}

test('promtool finds nothing wrong in the page and in the rules', function (Sandbox $sandbox): void {
    $page = Http::get('http://' . application($sandbox) . '/')['body'];
    [$code, $found] = promtool($sandbox, $page, 'check', 'metrics');
    // 3: it parses, and a rule of style is broken. The first name is the Velox plugin's.
    $lines = explode("\n", trim($found));
    sort($lines);
    same([
        'shop_orders counter metrics should have "_total" suffix',
        'shop_orders no help text',
        'shop_requests_total no help text',
        'velox_cache_entries_count non-histogram and non-summary metrics should not have "_count" suffix',
    ], $lines);
    same(3, $code);
    foreach (glob(\dirname(__DIR__, 3) . '/examples/monitoring/*-alerts.yml') as $rules) {
        [$code, $found] = promtool($sandbox, '', 'check', 'rules', $rules);
        same(0, $code, $found);
    }
});

test('a Prometheus has the numbers of the page, in both formats', function (Sandbox $sandbox): void {
    $application = application($sandbox);
    $address = '127.0.0.1:' . free_port();
    $config = $sandbox->directory . '/prometheus.yml';
    file_put_contents($config, json_encode(['scrape_configs' => [
        ['job_name' => 'shop', 'scrape_interval' => '200ms', 'scrape_timeout' => '200ms', 'static_configs' => [['targets' => [$application]]], 'metrics_path' => '/'],
    ]], JSON_UNESCAPED_SLASHES));
    $sandbox->start('prometheus', [
        (string) getenv('PROMETHEUS'), "--config.file={$config}", "--storage.tsdb.path={$sandbox->directory}/tsdb", "--web.listen-address={$address}",
    ]);
    $query = static function (string $query) use ($address): ?string {
        $answer = json_decode(Http::get("http://{$address}/api/v1/query?query=" . rawurlencode($query), 5)['body'], true);

        return $answer['data']['result'][0]['value'][1] ?? null;
    };
    eventually('three scrapes', fn (): bool => (int) $query('shop_requests_total') >= 3);
    same('1', $query('up'));
    same('1', $query('count(shop_orders{path="a\\\\b\"c\nd"})'), 'the label');
    same('1', $query('count(shop_seconds_bucket{kind="web",le=~"1(.0)?"})'), 'a bucket');
    same($query('shop_seconds_count'), $query('shop_requests_total'));
    // Prometheus asks for OpenMetrics first; both formats have the same series.
    $series = static function (string $accept) use ($application): array {
        $context = stream_context_create(['http' => ['header' => "Accept: {$accept}"]]);
        preg_match_all('/^[a-z0-9_:]+(?:\{[^}]*\})?(?= )/m', (string) file_get_contents("http://{$application}/", false, $context), $found);

        return preg_replace('/(le="\d+)\.0"/', '$1"', $found[0]);
    };
    $open = $series('application/openmetrics-text');
    same($series('text/plain'), $open);
    same((string) \count($open), $query('scrape_samples_scraped'));
});

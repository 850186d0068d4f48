<?php

// The page of metrics before its readers: promtool, prometheus-client, and a Prometheus that scrapes an
// application; and the files of examples/monitoring, and the guide, before a Prometheus.

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

const MONITORING = __DIR__ . '/../../../examples/monitoring';

/**
 * Starts a Prometheus.
 *
 * @param array<string, mixed>|string $config the configuration, or its file
 * @return \Closure(string): array<string, mixed> the data of a path of its API
 */
function prometheus(Sandbox $sandbox, array|string $config): \Closure
{
    $address = '127.0.0.1:' . free_port();
    $file = \is_string($config) ? $config : "{$sandbox->directory}/prometheus.yml";
    \is_string($config) || file_put_contents($file, json_encode($config, JSON_UNESCAPED_SLASHES));
    $sandbox->start('prometheus', [
        (string) getenv('PROMETHEUS'), "--config.file={$file}", "--storage.tsdb.path={$sandbox->directory}/tsdb", "--web.listen-address={$address}",
    ]);

    return static function (string $path) use ($address): array {
        $answer = json_decode(Http::get("http://{$address}/api/v1/{$path}", 5)['body'], true) ?? [];
        ($answer['status'] ?? 'success') === 'success' || fail("{$path}: " . show($answer));

        return $answer['data'] ?? [];
    };
}

/** @return array<string, mixed> the scrape of an application */
function scrape(string $application): array
{
    return ['job_name' => 'pillion', 'scrape_interval' => '200ms', 'scrape_timeout' => '200ms', 'static_configs' => [['targets' => [$application]]], 'metrics_path' => '/'];
}

/** The page in a format, with the content type in its first line. */
function page(string $application, string $accept): string
{
    $context = stream_context_create(['http' => ['header' => "Accept: {$accept}"]]);

    return (string) file_get_contents("http://{$application}/", false, $context);
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
    $api = prometheus($sandbox, ['scrape_configs' => [scrape($application)]]);
    $query = static fn (string $query): ?string => $api('query?query=' . rawurlencode($query))['result'][0]['value'][1] ?? null;
    eventually('three scrapes', fn (): bool => (int) $query('shop_requests_total') >= 3);
    same('1', $query('up'));
    same('1', $query('count(shop_orders{path="a\\\\b\"c\nd"})'), 'the label');
    same('1', $query('count(shop_seconds_bucket{kind="web",le=~"1(.0)?"})'), 'a bucket');
    same($query('shop_seconds_count'), $query('shop_requests_total'));
    // Prometheus asks for OpenMetrics first; both formats have the same series.
    $series = static function (string $accept) use ($application): array {
        preg_match_all('/^[a-z0-9_:]+(?:\{[^}]*\})?(?= )/m', page($application, $accept), $found);

        return preg_replace('/(le="\d+)\.0"/', '$1"', $found[0]);
    };
    $open = $series('application/openmetrics-text');
    same($series('text/plain'), $open);
    same((string) \count($open), $query('scrape_samples_scraped'));
});

test('prometheus-client reads the numbers that Prometheus has, from both formats', function (Sandbox $sandbox): void {
    $application = application($sandbox);
    $script = <<<'PYTHON'
        import json, sys
        from prometheus_client.parser import text_string_to_metric_families as text
        from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
        families = {"text": text, "openmetrics": openmetrics}[sys.argv[1]](open(sys.argv[2]).read())
        def label(name, value):
            return str(float(value)) if name == "le" else value
        samples = [s for family in families for s in family.samples]
        json.dump({json.dumps([s.name, sorted((k, label(k, v)) for k, v in s.labels.items())]): str(s.value) for s in samples}, open(sys.argv[3], "w"))
        PYTHON;
    $read = static function (string $format, string $page) use ($sandbox, $script): array {
        [$in, $out] = ["{$sandbox->directory}/{$format}", "{$sandbox->directory}/{$format}.json"];
        file_put_contents($in, $page);
        $process = $sandbox->start('prometheus-client', [(string) getenv('PROMETHEUS_CLIENT'), '-c', $script, $format, $in, $out]);
        $process->endInput();
        same(0, $process->wait(30), $process->errors());

        return json_decode((string) file_get_contents($out), true);
    };
    $api = prometheus($sandbox, ['scrape_configs' => [scrape($application)]]);
    eventually('a scrape', fn (): bool => ($api('query?query=shop_requests_total')['result'] ?? []) !== []);
    $scraped = [];
    foreach ($api('query?query=' . rawurlencode('{job="pillion"}'))['result'] as $series) {
        $labels = $series['metric'];
        $name = $labels['__name__'];
        unset($labels['__name__'], $labels['job'], $labels['instance']);
        isset($labels['le']) && $labels['le'] = $labels['le'] === '+Inf' ? 'inf' : (float) $labels['le'] . '';
        ksort($labels);
        $scraped[$name . json_encode($labels)] = (float) $series['value'][1];
    }
    $pages = ['text' => $read('text', page($application, 'text/plain')), 'openmetrics' => $read('openmetrics', page($application, 'application/openmetrics-text'))];
    // This parser of Prometheus's format gives a counter the name that OpenMetrics demands.
    $names = str_replace('"shop_orders_total"', '"shop_orders"', array_keys($pages['text']));
    same([], array_diff($names, array_keys($pages['openmetrics'])));
    same([], array_diff(array_keys($pages['openmetrics']), $names));
    // Between two pages the application has counted, and time has passed.
    $moves = '/^\["(?:shop_|pillion_worker|service_|cache_|velox_cache_lookup)/';
    $still = static fn (array $numbers): array => array_filter($numbers, static fn (string $series): bool => !preg_match($moves, $series), ARRAY_FILTER_USE_KEY);
    same($still($pages['text']), $still($pages['openmetrics']));
    is_true(\count($still($pages['text'])) > 500, (string) \count($still($pages['text'])));
    foreach ($still($pages['text']) as $series => $number) {
        [$name, $pairs] = json_decode($series, true);
        $labels = array_column($pairs, 1, 0);
        isset($labels['le']) && $labels['le'] = $labels['le'] === 'inf' ? 'inf' : (float) $labels['le'] . '';
        $found = $scraped[$name . json_encode($labels)] ?? fail("Prometheus has no {$series}");
        same((float) $number, $found, $series);
    }
});

test('a Prometheus evaluates the alert rules, and each query of the dashboard', function (Sandbox $sandbox): void {
    $rules = array_map(realpath(...), glob(MONITORING . '/*-alerts.yml'));
    $application = application($sandbox);
    $api = prometheus($sandbox, ['global' => ['evaluation_interval' => '200ms'], 'scrape_configs' => [scrape($application)], 'rule_files' => $rules]);
    $all = static fn (): array => array_merge(...array_column($api('rules')['groups'] ?? [], 'rules') ?: [[]]);
    eventually('all rules evaluated', fn (): bool => \count($all()) === 29 && !array_filter($all(), static fn (array $rule): bool => $rule['health'] === 'unknown'));
    foreach ($all() as $rule) {
        same('ok', $rule['health'], $rule['name'] . ': ' . ($rule['lastError'] ?? ''));
    }
    eventually('a scrape', fn (): bool => ($api('query?query=pillion_info')['result'] ?? []) !== []);
    $dashboard = json_decode((string) file_get_contents(MONITORING . '/grafana-hosts.json'), true);
    $results = [];
    foreach ($dashboard['panels'] as $panel) {
        foreach ($panel['targets'] ?? [] as $target) {
            $expression = strtr($target['expr'], ['$instance' => '.*', '$__rate_interval' => '1m']);
            $results[$target['expr']] = \count($api('query?query=' . rawurlencode($expression))['result']);
        }
    }
    // Those over numbers that each page has are not empty.
    foreach (['sum(sentry_queue_length{instance=~"$instance"})', 'count by (version) (pillion_info{instance=~"$instance"})'] as $query) {
        same(1, $results[$query] ?? null, $query);
    }
});

test('alerts fire and stay silent as their tests say', function (Sandbox $sandbox): void {
    [$code, $found] = promtool($sandbox, '', 'test', 'rules', ...glob(MONITORING . '/tests/*.yml'));
    same(0, $code, $found);
});

test('a Prometheus with the configuration of the guide scrapes pillion serve', function (Sandbox $sandbox): void {
    $guide = (string) file_get_contents(__DIR__ . '/../../../docs/guides/monitoring.md');
    preg_match('/^```yaml\n(.*?)^```/ms', $guide, $config) || fail('no configuration');
    preg_match('/^\$ pillion (serve .*)$/m', $guide, $command) || fail('no command');
    [$address, $token] = ['127.0.0.1:' . free_port(), "{$sandbox->directory}/token"];
    file_put_contents($token, "first\n");
    $places = ['/etc/pillion/token' => $token, '/etc/prometheus/pillion-token' => "{$token}.prometheus", '0.0.0.0:9180' => $address, 'web1:9180' => $address, '/etc/prometheus/pillion/' => realpath(MONITORING) . '/'];
    $settings = [];
    foreach ($sandbox->settings() as $name => $value) {
        array_push($settings, '-d', "{$name}={$value}");
    }
    $server = $sandbox->start('pillion serve', [(string) getenv('PILLION_BIN'), ...explode(' ', strtr($command[1], $places)), ...$settings]);
    same("listening on http://{$address}", $server->line());

    // The token changes, and Prometheus reads its copy for each scrape, as the server does.
    $file = "{$sandbox->directory}/guide.yml";
    file_put_contents($file, "global: { scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms }\n" . strtr($config[1], $places));
    file_put_contents("{$token}.prometheus", "second\n");
    $api = prometheus($sandbox, $file);
    $up = static fn (): ?string => $api('query?query=' . rawurlencode('up{job="pillion"}'))['result'][0]['value'][1] ?? null;
    eventually('a scrape with the wrong token', fn (): bool => $up() === '0');
    file_put_contents($token, "second\n");
    eventually('a scrape with the new token', fn (): bool => $up() === '1');
    same('1', $api('query?query=pillion_info')['result'][0]['value'][1] ?? null);
    eventually('all rules', fn (): bool => \count(array_merge(...array_column($api('rules')['groups'] ?? [], 'rules') ?: [[]])) === 29);
});

test('pillion doctor finds the extension in this PHP, and prints lines as the guide has them', function (Sandbox $sandbox): void {
    $php = "{$sandbox->directory}/php";
    file_put_contents($php, "#!/bin/sh\nexec " . implode(' ', array_map(escapeshellarg(...), $sandbox->phpCommand())) . " \"\$@\"\n");
    chmod($php, 0o755);
    $settings = [];
    foreach ($sandbox->settings() as $name => $value) {
        array_push($settings, '-d', "{$name}={$value}");
    }
    $doctor = $sandbox->start('pillion doctor', [(string) getenv('PILLION_BIN'), 'doctor', '--offline', '--php', $php, '--document-root', '/srv', ...$settings]);
    $doctor->endInput();
    $code = $doctor->wait(30);
    is_true(\in_array($code, [0, 1], true), $doctor->output() . $doctor->errors());
    // The PHP under test may be another one than that of this script.
    $version = (string) exec(escapeshellarg($php) . " -r 'echo PHP_VERSION;'");
    is_true((bool) preg_match('~^ok    php: \S+/php \(PHP ' . preg_quote($version) . ', (NTS|ZTS)\) has pillion \S+$~m', $doctor->output()), $doctor->output());
    $guide = (string) file_get_contents(__DIR__ . '/../../../docs/guides/monitoring.md');
    preg_match_all('/^(?:ok|warn|fail) +([a-z _]+): /m', $guide, $promised);
    foreach (array_diff($promised[1], ['velox server']) as $check) {
        is_true(str_contains($doctor->output(), " {$check}: "), "{$check}: " . $doctor->output());
    }
});

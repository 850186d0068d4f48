<?php

// Worker\loop() under RoadRunner with RoadRunner's PHP packages installed, and with a package missing.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

test('the handler gets PSR-7 requests and returns PSR-7 responses; a failure is 500', function (Sandbox $sandbox): void {
    log_requests($sandbox);
    $host = looping($sandbox, ['workers' => 1, 'script' => 'psr7.php', 'log' => 'info']);
    $pid = $host->ask('hello')['pid'];
    same([202, 'clean'], array_values(array_intersect_key(fetch($host->url('print')), ['status' => 0, 'body' => 0])));
    foreach (['throw', 'no_response'] as $wrong) {
        same(500, fetch($host->url($wrong))['status'], $wrong);
    }
    same($pid, $host->ask('hello')['pid'], 'the worker lives');
    $status = json_decode(fetch($host->url('status'), [CURLOPT_HTTPHEADER => ['X-Request-Id: mine']])['body'], true);
    same(['roadrunner', 'mine', 6, 7], [$status['mode'], $status['request']['id'], $status['requests'], $status['requests_begun']]);
    is_true(fetch($host->url('exit'))['status'] >= 500, 'exit');
    is_true($host->ask('hello')['pid'] !== $pid, 'a new worker');
    eventually('both texts are in the log', static fn (): bool => str_contains($host->process->errors(), 'from echo') && str_contains($host->process->errors(), 'RuntimeException: from the handler'));
});

test('workers that end by themselves or by a signal lose no request with PSR-7 either', function (Sandbox $sandbox): void {
    $host = looping($sandbox, ['script' => 'psr7.php'], maxRequests: 5);
    all_served(Http::many(array_fill(0, 60, $host->url('hello')), 4, 60, static function () use ($host, &$round): void {
        ($round = ($round ?? 0) + 1) === 10 && array_map(static fn (int $worker): bool => posix_kill($worker, SIGUSR1), busy_workers($host));
    }));
    $ended = loops_ended($sandbox);
    is_true(max(array_column($ended, 0)) === 5 && count($ended) >= 8, 'loops: ' . show($ended));
    same(array_column($ended, 1), array_column($ended, 0), 'what loop() returns is what was served');
});

test('missing packages are named', function (Sandbox $sandbox): void {
    foreach (['' => 'composer require pillion/bridge', 'final class Found {} class_alias(Found::class, "Spiral\\\\RoadRunner\\\\Http\\\\PSR7Worker");' => 'composer require nyholm/psr7'] as $code => $message) {
        file_put_contents("{$sandbox->directory}/script.php", "<?php {$code} Pillion\\Worker\\loop(fn () => null);");
        $php = $sandbox->start('php', [...$sandbox->phpCommand(), "{$sandbox->directory}/script.php"], ['RR_MODE' => 'http', 'RR_RELAY' => 'pipes']);
        same(255, $php->wait(30));
        is_true(str_contains($php->errors(), $message), $php->errors());
    }
    $php = $sandbox->start('php', [...$sandbox->phpCommand(), "{$sandbox->directory}/script.php"], ['RR_MODE' => 'jobs']);
    same(255, $php->wait(30));
    is_true(str_contains($php->errors(), "RR_MODE is 'jobs'"), $php->errors());
});

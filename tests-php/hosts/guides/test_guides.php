<?php

// The guides of docs/guides/worker-guides.md, each run as printed.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

test('files printed in the guide equal those of the examples', function (): void {
    preg_match_all('/^`(examples\/[^`]+)`:\n\n```\w+\n(.*?)^```$/ms', guide(), $printed, PREG_SET_ORDER);
    $names = [];
    foreach ($printed as [, $name, $text]) {
        same(file_get_contents(REPOSITORY . "/{$name}"), $text, $name);
        $names[] = substr($name, strlen('examples/worker/'));
    }
    $all = [];
    foreach (new \RecursiveIteratorIterator(new \RecursiveDirectoryIterator(EXAMPLES, \FilesystemIterator::SKIP_DOTS)) as $file) {
        $all[] = substr($file->getPathname(), strlen(EXAMPLES) + 1);
    }
    sort($names);
    sort($all);
    same($all, $names, 'files of the examples');
});

test('FrankenPHP: a Caddyfile, sessions, limits, and a restart that loses no request', function (Sandbox $sandbox): void {
    $guide = new Guide($sandbox, 'frankenphp', 'zts');
    [$first, , , $restart] = blocks('console', 'FrankenPHP');
    $guide->run($first);
    healthy(Http::decode(Http::get($guide->url('/health'))), 'frankenphp-worker', true);
    same(404, Http::get($guide->url('/nowhere'))['status']);
    sessions_are_apart($guide);
    $guide->stop();
    $guide->run($restart);
    $again = "\$ curl --silent --request POST http://127.0.0.1:2019/frankenphp/workers/restart\n";
    is_true(str_contains($restart, $again), 'the command of the restart');
    foreach (Http::many(array_fill(0, 60, $guide->url('/health')), 4, 30, static function () use ($guide, $again, &$round): void {
        ($round = ($round ?? 0) + 1) === 10 && $guide->run($again);
    }) as $answer) {
        same('ok', Http::decode($answer)['status']);
    }
    same(2, Http::decode(Http::get($guide->url('/health')))['restarts'], 'how often it has started anew');
    $guide->stop();
});

test('the script of worker-mode.md serves, and no code of it names a superglobal', function (Sandbox $sandbox): void {
    preg_match('/^```php\nuse Pillion\\\\Worker;\n\n(.+?)^```$/ms', file_get_contents(REPOSITORY . '/docs/guides/worker-mode.md'), $printed);
    $code = file_get_contents(__DIR__ . '/plain/index.php');
    is_true(str_contains($code, $printed[1]) && !preg_match('/\$_[A-Z]|\$GLOBALS/', $code), 'the script of the document');
    $host = new FrankenPhp($sandbox, ['script' => __DIR__ . '/plain/index.php', 'threads' => 1]);
    $context = stream_context_create(['http' => ['header' => ['X-Request-Id: mine']]]);
    same(['frankenphp-worker', 'frankenphp-worker', true, 'mine'], json_decode(file_get_contents($host->url('id'), false, $context)));
    $fpm = new Fpm($sandbox->sibling(), ['www' => ['pm.max_children = 1']], files: ['guides/plain/index.php']);
    foreach (['mine', 'another'] as $id) {
        $parameters = ['REQUEST_METHOD' => 'GET', 'SCRIPT_FILENAME' => $fpm->root() . '/index.php', 'HTTP_X_REQUEST_ID' => $id];
        same(['fpm', 'fpm', false, $id], json_decode(FastCgi::many($fpm->socket(), [$parameters], 1)[0]['body']));
    }
});

test('FrankenPHP: php-server --worker, and FRANKENPHP_CONFIG', function (Sandbox $sandbox): void {
    $guide = new Guide($sandbox, 'frankenphp', 'zts');
    foreach (array_slice(blocks('console', 'FrankenPHP'), 1, 2) as $block) {
        $guide->run($block);
        healthy(Http::decode(Http::get($guide->url('/health'))), 'frankenphp-worker', true);
        $guide->stop();
    }
});

test('Caddy with php-fpm, and the switch CADDY_WORKER_MODE', function (Sandbox $sandbox): void {
    $guide = new Guide($sandbox, 'fpm', 'nts');
    if (posix_geteuid() === 0) {
        // As the guide says about root.
        file_put_contents($guide->file('pool.conf'), "[www]\nuser = www-data\ngroup = www-data\n", FILE_APPEND);
        $sandbox->giveTo('www-data');
    }
    [$block] = blocks('console', 'php-fpm behind Caddy');
    $guide->run($block);
    healthy(Http::decode(Http::get($guide->url('/health'))), 'fpm', false);
    sessions_are_apart($guide);
    $guide->started[1]->signal(SIGTERM);
    $guide->started[1]->wait();
    [, $switch] = blocks('caddyfile', 'php-fpm behind Caddy');
    foreach (['true' => true, 'false' => false] as $word => $isWorker) {
        $caddyfile = file_get_contents($guide->file('Caddyfile'));
        $line = preg_grep('/php_fastcgi/', explode("\n", $caddyfile));
        file_put_contents($guide->file('Caddyfile'), str_replace(current($line), $guide->here(str_replace('true', $word, $switch)), $caddyfile));
        array_pop($guide->started);
        $guide->run("\$ caddy run --config Caddyfile &\n\$ curl --silent http://127.0.0.1:8080/health\n");
        healthy(Http::decode(Http::get($guide->url('/health'))), 'fpm', $isWorker);
        $guide->started[1]->signal(SIGTERM);
        $guide->started[1]->wait();
        file_put_contents($guide->file('Caddyfile'), $caddyfile);
    }
    array_pop($guide->started);
    $guide->stop(SIGQUIT);
});

test('RoadRunner behind nginx', function (Sandbox $sandbox): void {
    $guide = new Guide($sandbox, 'roadrunner', 'nts');
    mkdir($guide->file('vendor'));
    file_put_contents($guide->file('vendor/autoload.php'), '<?php require ' . var_export(realpath(__DIR__ . '/../lib/bridge.php'), true) . ';');
    [$block] = blocks('console', 'RoadRunner behind nginx');
    $guide->run($block);
    healthy(Http::decode(Http::get($guide->url('/health'))), 'roadrunner', true);
    sessions_are_apart($guide);
    $context = stream_context_create(['http' => ['header' => ['X-Request-Id: mine']]]);
    is_true(strlen(json_decode(file_get_contents($guide->url('/health'), false, $context), true)['request']['id']) === 32, 'the id is nginx\'s');
    foreach (Http::many(array_fill(0, 60, $guide->url('/health')), 8) as $answer) {
        $pids[Http::decode($answer)['pid']] = true;
    }
    is_true(count($pids) > 1 && count($pids) <= 4, 'workers: ' . count($pids));
    $guide->stop(SIGTERM);
});

<?php

// The configurations of examples/serve: their own programs accept them, they contain those of the guide, and the
// commands of the compose file run. `make demo-serve` runs the rest of them.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

const EXAMPLES = __DIR__ . '/../../../examples/serve';

/** Lines without their indentation. */
function plain(string $text): string
{
    return (string) preg_replace('/^\s+/m', '', $text);
}

/** Runs a program that checks a configuration. @param list<string> $command */
function accepts(Sandbox $sandbox, array $command): void
{
    $check = $sandbox->start(basename($command[0]), $command, ['XDG_DATA_HOME' => $sandbox->directory, 'XDG_CONFIG_HOME' => $sandbox->directory]);
    same(0, $check->wait(60), implode(' ', $command) . ': ' . $check->errors() . $check->output());
}

test('Caddy accepts its example, which contains the guide', function (Sandbox $sandbox): void {
    accepts($sandbox, [(string) getenv('FRANKENPHP'), 'validate', '--config', EXAMPLES . '/Caddyfile']);
    $example = strtr(plain((string) file_get_contents(EXAMPLES . '/Caddyfile')), [
        '{$ARTIFACTS:/srv/pillion/velox-binaries}' => '/srv/pillion/velox-binaries',
        '{$PILLION_SERVE:127.0.0.1:9180}' => '127.0.0.1:9180',
    ]);
    is_true(str_contains($example, plain(block('caddyfile', 'Caddy and FrankenPHP'))), $example);
});

test('nginx accepts its example, which contains the guide', function (Sandbox $sandbox): void {
    $example = (string) file_get_contents(EXAMPLES . '/nginx.conf');
    is_true(str_contains(plain($example), plain(block('nginx', 'nginx'))), $example);
    // Its directories and users belong to root.
    $own = str_replace(['user www-data;', '/run/nginx.pid', 'http {'], ['', "{$sandbox->directory}/pid", "http {\n" . implode("\n", array_map(
        static fn (string $kind): string => "{$kind}_temp_path {$sandbox->directory}/{$kind};",
        ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'],
    ))], $example);
    file_put_contents("{$sandbox->directory}/nginx.conf", $own);
    accepts($sandbox, [(string) getenv('NGINX'), '-t', '-e', 'stderr', '-c', "{$sandbox->directory}/nginx.conf"]);
});

test('systemd accepts the unit', function (Sandbox $sandbox): void {
    $verify = '/usr/bin/systemd-analyze';
    if (!is_executable($verify)) {
        note('no systemd on this machine');

        return;
    }
    $unit = "{$sandbox->directory}/pillion-serve.service";
    file_put_contents($unit, str_replace('/usr/bin/pillion', (string) getenv('PILLION_BIN'), (string) file_get_contents(EXAMPLES . '/pillion-serve.service')));
    accepts($sandbox, [$verify, 'verify', $unit]);
});

test('the service of the compose file starts, and its health check succeeds', function (Sandbox $sandbox): void {
    $file = (string) file_get_contents(EXAMPLES . '/compose.yaml');
    $port = (string) free_port();
    $list = static function (string $name) use ($file, $port): array {
        preg_match("/^ +{$name}: \[(.+)\]$/m", $file, $found) === 1 || fail("no {$name} in the compose file");

        return array_map(static fn (string $word): string => str_replace('9180', $port, trim($word, ' "')), explode(',', $found[1]));
    };
    preg_match('/^ +(PILLION_SERVE_ALLOW_ANONYMOUS): "(\w+)"$/m', $file, $variable) === 1 || fail('no such variable');
    $command = [(string) getenv('PILLION_BIN'), ...array_slice($list('command'), 1)];
    $server = $sandbox->start('pillion serve', $command, [
        $variable[1] => $variable[2],
        'PILLION_STATE_DIR' => $sandbox->setting('state_dir'),
        'PILLION_RUN_DIR' => $sandbox->setting('run_dir'),
    ]);
    str_starts_with((string) $server->line(), 'listening on ') || fail($server->errors());
    $check = $list('test');
    same(['CMD', 'curl'], array_slice($check, 0, 2));
    accepts($sandbox, array_slice($check, 1));
    $server->signal(SIGTERM);
    same(0, $server->wait(30));
});

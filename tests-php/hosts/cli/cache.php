<?php

// The shared cache between PHP processes, the program `pillion` and a Redis: the example shows it.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

test('the example of the shared cache shows shared values, and no torn one', function (Sandbox $sandbox): void {
    $command = $sandbox->phpCommand(['auto_prepend_file' => '', 'pillion.log_level' => 'warn']);
    putenv('PILLION_SO=' . getenv('TESTED_SO'));
    $process = $sandbox->start('the example', [...$command, \dirname(__DIR__, 3) . '/examples/cache.php']);
    $code = $process->wait(120);
    $output = $process->output();
    same(0, $code, $output . $process->errors());
    foreach (['"name":"Ada","ratio":1.0', 'PHP: Grace', 'PHP: NULL', ' 0 torn values', 'Redis has: {', '  {"text":"Back at noon","ratio":1.0}', 'Redis is there again'] as $part) {
        is_true(str_contains($output, $part), "{$part}: {$output}");
    }
});

<?php

declare(strict_types=1);

/**
 * Gets a RoadRunner binary: from the gateway of remote artifacts if another host has built it, else by a build, which
 * it then sends to the gateway.
 *
 *     php -d pillion.velox_server_url=http://127.0.0.1:9000 -d pillion.remote_url=http://127.0.0.1:8080 \
 *         -d pillion.remote_token=… remote.php
 */

use Pillion\Artifacts;
use Pillion\Velox;

$started = hrtime(true);
try {
    $artifact = Velox\build(require __DIR__ . '/request.php')->wait(900);
    $seconds = (hrtime(true) - $started) / 1e9;
    if ($artifact->cacheStatus === 'MISS') {
        printf("Built in %.1f s.\n", $seconds);
        // A build is sent in the background, which a script that ends now would break off. False: it was sent before.
        Artifacts\push($artifact->key)->wait(60);
        echo "The gateway has it.\n";
    } else {
        printf("There after %.1f s; its build took %.1f s.\n", $seconds, $artifact->buildSeconds);
    }
} catch (Pillion\Exception $failure) {
    fwrite(STDERR, "No binary: {$failure->getMessage()}\n");
    exit(1);
}
printf("  path       %s\n", $artifact->path);
printf("  size       %s bytes\n", number_format($artifact->size));
printf("  sha256     %s, %s\n", $artifact->sha256, $artifact->verify() ? 'verified' : 'and the file differs!');
printf("  --version  %s\n", trim((string) shell_exec(escapeshellarg($artifact->path) . ' --version')));

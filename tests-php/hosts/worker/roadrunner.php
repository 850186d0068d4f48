<?php

// RoadRunner's worker in the tests of worker mode. Printed text belongs in the answer, and never on the wire.

declare(strict_types=1);

require __DIR__ . '/../lib/spiral.php';
require __DIR__ . '/endings.php';
require __DIR__ . '/../../phpt/worker/sentry/hubs.inc';

use Spiral\RoadRunner\Http\HttpWorker;
use Spiral\RoadRunner\Http\Request;
use Spiral\RoadRunner\Worker;

/** Chunks of an answer, with pauses. */
function chunks(): Generator
{
    $id = Pillion\Worker\request_id();
    for ($i = 0; $i < 20; $i++) {
        yield str_repeat((string) ($i % 10), 1000) . "\n";
        usleep(5_000);
        // Another request would have another one.
        $id === Pillion\Worker\request_id() || throw new LogicException('another request in the middle of an answer');
    }
    yield $id;
}

// Standard output is the wire; text printed outside of an answer belongs in the log.
ob_start(static fn (string $text): string => fwrite(STDERR, $text) === false ? '' : '', 1);
$endings = new Endings();
$worker = new HttpWorker(new Worker());
$special = [
    '/body' => static fn (Request $request): string => strlen($request->body) . ' ' . sha1($request->body),
    '/upload' => static fn (Request $request): string => json_encode(array_map(
        static fn (array $file): array => [$file['name'], $file['size'], sha1_file($file['tmpName'])],
        $request->uploads,
    ), JSON_THROW_ON_ERROR),
    '/stream' => static fn (): Generator => chunks(),
    '/spin' => static fn (): never => throw new LogicException('it is killed before ' . sleep(60)),
];
while ($request = $worker->waitRequest()) {
    $path = parse_url($request->uri, PHP_URL_PATH);
    if (isset($special[$path])) {
        $endings->begins($path);
        $worker->respond(200, $special[$path]($request));
        continue;
    }
    $level = ob_get_level();
    ob_start();
    try {
        $endings->serve($path);
        [$status, $body] = [200, ''];
        while (ob_get_level() > $level) {
            $body = ob_get_clean() . $body;
        }
        $worker->respond($status, $body, ['X-Pillion-Request' => [Pillion\Worker\request_id()]]);
    } catch (Throwable $thrown) {
        while (ob_get_level() > $level) {
            ob_end_clean();
        }
        $worker->respond(500, $thrown->getMessage());
    }
}

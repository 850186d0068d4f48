<?php

// What RoadRunner's workers run; program.php stands before it.

declare(strict_types=1);

require __DIR__ . '/../application.php';
require __DIR__ . '/worker.php';

$application = new Application();
RoadRunnerWorker::serve(static function (array $request) use ($application): array {
    $answer = $application->answer(parse_url($request['uri'], PHP_URL_PATH), $request['query']);

    return [200, ['Content-Type' => 'application/json'], $answer];
});

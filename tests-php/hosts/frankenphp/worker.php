<?php

// The worker of the FrankenPHP tests: its path says what a request does, and it answers with JSON. program.php stands
// before it.

declare(strict_types=1);

use Pillion\Artifacts;
use Pillion\Velox;

// Which of the threads this is, and of which start.
$me = bin2hex(random_bytes(6));
$served = 0;
$held = [];

$handler = static function () use ($me, &$served, &$held): void {
    $served++;
    $name = $_GET['name'] ?? 'a';
    $request = configuration($name, array_intersect_key($_GET, ['request_id' => true, 'force_rebuild' => true]));
    $answer = match (strtok(trim($_SERVER['REQUEST_URI'], '/'), '?')) {
        'hello' => 'hello',
        // Waits for a build.
        'build' => outcome(fn () => Velox\build($request)->wait((float) ($_GET['seconds'] ?? 30))),
        // The same by the way that event loops go.
        'notified' => (function () use ($request): array {
            $build = Velox\build($request);
            $notifier = Pillion\notifier();
            $completed = [];
            while (!in_array($build, $completed, true)) {
                $read = [$notifier];
                $none = null;
                stream_select($read, $none, $none, 20) === 1 || throw new LogicException('nothing is completed');
                $completed = Pillion\completed();
                foreach ($completed as $one) {
                    $one === $build || throw new LogicException('a future of somebody else');
                }
            }
            return outcome(fn () => $build->wait(0));
        })(),
        // Asks and goes away.
        'submit' => Velox\build($request)->state(),
        // Keeps the future beyond the request.
        'hold' => ($held[] = Velox\build($request))->state(),
        'held' => array_map(fn (Pillion\Future $future) => outcome(fn () => $future->wait(10)), $held),
        'find' => outcome(fn () => Velox\find($request)),
        'status' => Pillion\status(),
        'builds' => Velox\builds(),
        'entries' => count(Artifacts\entries(1000)),
        // Ends that no handler should have.
        'exit' => Velox\build($request) && exit('{"answer":"bye"}'),
        'throw' => throw new LogicException(Velox\build($request)->state()),
        'fatal' => Velox\build($request) && not_there(),
        'memory' => Velox\build($request) && str_repeat('x', 1 << 30),
        default => throw new LogicException('no such path: ' . $_SERVER['REQUEST_URI']),
    };
    header('Content-Type: application/json');
    echo json_encode(['worker' => $me, 'served' => $served, 'answer' => $answer], JSON_THROW_ON_ERROR);
};

while (frankenphp_handle_request($handler)) {
    gc_collect_cycles();
}

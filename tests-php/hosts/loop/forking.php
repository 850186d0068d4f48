<?php

// Workers of RoadRunner with handlers that fork, and children that return in every possible way. The variable LOOP
// names the loop that serves: in RoadRunner Worker\loop(), or
// a loop of the application itself around the package's worker, or around classes like RoadRunner's.

declare(strict_types=1);

use Pillion\Bridge\RoadRunner\HttpWorker;
use Pillion\Bridge\RoadRunner\Request;
use Pillion\Bridge\RoadRunner\Response;
use Pillion\Worker;
use Spiral\RoadRunner\Http\HttpWorker as SpiralWorker;

require __DIR__ . '/../lib/bridge.php';

final class Forking
{
    /** Reports the end of a child to the test. */
    public static function ended(string $how): void
    {
        file_put_contents(ini_get('pillion.state_dir') . '/children', $how . "\n", FILE_APPEND | LOCK_EX);
    }

    public static function answer(string $path): string
    {
        if ($path === '/hello' || pcntl_fork() !== 0) {
            return "answer to {$path}";
        }

        return match ($path) {
            '/returns' => 'from the child',
            '/throws' => throw new RuntimeException('from the child'),
            '/exits' => exit(),
        };
    }

    public static function pieces(): Generator
    {
        yield 'first ';
        $isChild = pcntl_fork() === 0;
        yield $isChild ? 'from the child' : 'second';
    }
}

$parent = getmypid();
try {
    switch (getenv('LOOP')) {
        case 'own':
            $worker = new HttpWorker();
            while ($request = $worker->waitRequest()) {
                $path = $request->path();
                $worker->respond($path === '/pieces' ? new Response(200, [], Forking::pieces()) : Forking::answer($path));
            }
            break;
        case 'spiral':
            require __DIR__ . '/../lib/spiral.php';
            $worker = new SpiralWorker(new Spiral\RoadRunner\Worker());
            while ($request = $worker->waitRequest()) {
                $path = (string) parse_url($request->uri, PHP_URL_PATH);
                $worker->respond(200, $path === '/pieces' ? Forking::pieces() : Forking::answer($path));
            }
            break;
        case false:
            // FrankenPHP.
            Worker\loop(static function (): void {
                echo Forking::answer((string) parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH));
            });
            break;
        default:
            Worker\loop(static fn (Request $request): mixed => $request->path() === '/pieces'
                ? new Response(200, [], Forking::pieces()) : Forking::answer($request->path()));
    }
} catch (Throwable $thrown) {
    $again = null;
    if (getmypid() !== $parent && getenv('LOOP') === 'loop') {
        try {
            Worker\loop(static fn (): string => 'from the child, once more');
        } catch (Pillion\StateException $again) {
        }
    }
    Forking::ended($thrown::class . ' ' . $thrown->getCode() . ' ' . ($again?->getCode() ?? 'none'));
}

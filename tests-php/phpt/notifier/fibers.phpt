--TEST--
Fibers wait concurrently on the notifier, as in an event loop
--FILE--
<?php
require __DIR__ . '/../lib.inc';
// The server answers the builds in the order 3, 2, 1.
$velox = with_velox(['behaviours' => [
    ['when' => ['tag' => 'v1.0.0'], 'until_released' => 'v1'],
    ['when' => ['tag' => 'v2.0.0'], 'until_released' => 'v2'],
    ['when' => ['tag' => 'v3.0.0'], 'answer' => ['kind' => 'error', 'message' => 'building plugins: no']],
]]);

use Pillion\{Future, Velox};

final class Loop
{
    /** @var array<string, Fiber> by the id of the future that the fiber waits for */
    private array $waiting = [];

    public function start(callable $do): void
    {
        $this->suspended(new Fiber($do));
    }

    public function run(): void
    {
        while ($this->waiting) {
            readable(Pillion\notifier(), 30);
            foreach (Pillion\completed() as $future) {
                $fiber = $this->waiting[$future->id()];
                unset($this->waiting[$future->id()]);
                $this->suspended($fiber);
            }
        }
    }

    private function suspended(Fiber $fiber): void
    {
        $future = $fiber->isStarted() ? $fiber->resume() : $fiber->start();
        $future instanceof Future && $this->waiting[$future->id()] = $fiber;
    }
}

/** The body of an adapter for Revolt. */
function await(Future $future): mixed
{
    Fiber::suspend($future);

    return $future->wait(0);
}

$loop = new Loop();
foreach (['v1.0.0', 'v2.0.0', 'v3.0.0'] as $tag) {
    $loop->start(function () use ($tag, $velox) {
        try {
            $artifact = await(Velox\build(request_of($tag)));
            echo "$tag $artifact->cacheStatus\n";
            // A second build in the same fiber: a hit, which is notified as well.
            $artifact = await(Velox\build(request_of($tag)));
            echo "$tag $artifact->cacheStatus\n";
            $velox->release('v1');
        } catch (Pillion\BuildFailedException $e) {
            echo $tag, ' ', $e->getMessage(), "\n";
            $velox->release('v2');
        }
    });
}
$loop->run();

// wait() works inside a fiber too.
$fiber = new Fiber(fn () => Velox\build(request_of('v4.0.0'))->wait(30)->cacheStatus);
$fiber->start();
echo $fiber->getReturn(), "\n";
?>
--EXPECT--
v3.0.0 velox server returned: building plugins: no
v2.0.0 MISS
v2.0.0 HIT
v1.0.0 MISS
v1.0.0 HIT
MISS

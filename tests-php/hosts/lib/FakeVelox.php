<?php

// The build server of testing/fakes, as a program. It ends with this process, however that ends.

declare(strict_types=1);

namespace Pillion\Tests;

require_once __DIR__ . '/../../phpt/fakes.inc';

final class FakeVelox extends \Fake
{
    public readonly string $url;

    public function __construct(public readonly Process $process)
    {
        $line = (string) $process->line();
        preg_match('/^listening (\S+)$/', $line, $found) || fail("fake-velox printed: {$line}");
        parent::__construct($found[1]);
        $this->url = "http://{$found[1]}";
    }

    public function counter(string $name): int
    {
        return $this->count($name);
    }

    /**
     * Times of build requests, in seconds since the server's start; in their order.
     *
     * @return list<array{at: float, done_at: ?float, status: ?int, body: string}>
     */
    public function requests(): array
    {
        $builds = array_filter($this->ask('GET', '')['recent'], fn (array $seen): bool => str_ends_with($seen['path'], '/Build'));

        return array_values($builds);
    }

    /** @param array<string, mixed> $script see testing/fakes/README.md */
    public function script(array $script): void
    {
        $this->ask('POST', '', $script);
    }

    /** Continues the builds that wait for this name. */
    public function release(string $name): void
    {
        $this->ask('POST', '/release', $name);
    }

    /** Sets the duration of every build from here on. */
    public function delay(float $seconds): void
    {
        $this->script(['delay_ms' => (int) ($seconds * 1000)]);
    }

    /** Waits until exactly this number of builds is under way. */
    public function awaitInFlight(int $builds, float $seconds = 15.0): void
    {
        eventually("{$builds} builds in flight at the server", fn (): bool => $this->counter('in_flight') === $builds, $seconds);
    }
}

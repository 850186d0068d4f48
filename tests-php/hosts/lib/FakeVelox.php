<?php

// The build server of testing/fakes, as a program. It ends with this process, however that ends.

declare(strict_types=1);

namespace Pillion\Tests;

final class FakeVelox
{
    public readonly string $url;

    public function __construct(public readonly Process $process)
    {
        $line = (string) $process->line();
        preg_match('/^listening (\S+)$/', $line, $found) || fail("fake-velox printed: {$line}");
        $this->url = "http://{$found[1]}";
    }

    public function counter(string $name): int
    {
        return $this->control('GET')[$name];
    }

    /**
     * Times of build requests, in seconds since the server's start; in their order.
     *
     * @return list<array{at: float, done_at: ?float, status: ?int, body: string}>
     */
    public function requests(): array
    {
        $builds = array_filter($this->control('GET')['recent'], fn (array $seen): bool => str_ends_with($seen['path'], '/Build'));

        return array_values($builds);
    }

    /** @param array<string, mixed> $script see testing/fakes/README.md */
    public function script(array $script): void
    {
        $this->control('POST', $script);
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

    /** @return array<string, mixed> */
    private function control(string $method, ?array $body = null): array
    {
        $answer = file_get_contents("{$this->url}/_control", false, stream_context_create(['http' => [
            'method' => $method,
            'header' => "Content-Type: application/json\r\nConnection: close",
            'content' => $body === null ? '' : json_encode($body),
            'timeout' => 20,
            'ignore_errors' => true,
        ]]));
        $decoded = json_decode((string) $answer, true);
        if (!is_array($decoded) || isset($decoded['error'])) {
            fail("fake-velox answered: {$answer}");
        }

        return $decoded;
    }
}

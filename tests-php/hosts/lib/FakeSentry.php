<?php

// The Sentry of testing/fakes, as a program. It ends with this process, however that ends.

declare(strict_types=1);

namespace Pillion\Tests;

final class FakeSentry
{
    public readonly string $dsn;
    private readonly string $url;

    public function __construct(public readonly Process $process)
    {
        $line = (string) $process->line();
        preg_match('/^listening (\S+)$/', $line, $found) || fail("fake-sentry printed: {$line}");
        $this->url = "http://{$found[1]}/_control";
        $this->dsn = "http://0123456789abcdef@{$found[1]}/1";
    }

    public function counter(string $name): int
    {
        return $this->control('')[$name];
    }

    /** @param list<array<string, mixed>> $behaviours answers from here on */
    public function behave(array ...$behaviours): void
    {
        $this->control('', $behaviours);
    }

    /** @return list<string> ids of all events taken, each once, sorted */
    public function events(): array
    {
        $ids = array_unique($this->control('/ids'));
        sort($ids, SORT_STRING);

        return $ids;
    }

    /** @return list<array<string, mixed>> the requests so far */
    public function seen(): array
    {
        return $this->control('/seen');
    }

    /**
     * Waits until all of these have arrived.
     *
     * @param list<string> $ids
     */
    public function await(array $ids, float $seconds = 30.0): void
    {
        $missing = [];
        try {
            eventually('all envelopes', function () use ($ids, &$missing): bool {
                $missing = array_diff($ids, $this->events());

                return $missing === [];
            }, $seconds);
        } catch (Failure) {
            fail(sprintf('%d of %d envelopes did not come, such as %s', count($missing), count($ids), reset($missing)));
        }
        same(0, $this->counter('invalid'), 'envelopes that break the grammar');
    }

    /** @return array<mixed> */
    private function control(string $path, ?array $body = null): array
    {
        $answer = file_get_contents($this->url . $path, false, stream_context_create(['http' => [
            'method' => $body === null ? 'GET' : 'POST',
            'header' => "Content-Type: application/json\r\nConnection: close",
            'content' => $body === null ? '' : json_encode($body),
            'timeout' => 20,
        ]]));

        return json_decode((string) $answer, true);
    }
}

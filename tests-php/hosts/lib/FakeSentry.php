<?php

// The Sentry of testing/fakes, as a program. It ends with this process, however that ends.

declare(strict_types=1);

namespace Pillion\Tests;

require_once __DIR__ . '/../../phpt/fakes.inc';

final class FakeSentry extends \Fake
{
    public readonly string $dsn;

    public function __construct(public readonly Process $process)
    {
        $line = (string) $process->line();
        preg_match('/^listening (\S+)$/', $line, $found) || fail("fake-sentry printed: {$line}");
        parent::__construct($found[1]);
        $this->dsn = "http://0123456789abcdef@{$found[1]}/1";
    }

    public function counter(string $name): int
    {
        return $this->count($name);
    }

    /** @param list<array<string, mixed>> $behaviours answers from here on */
    public function behave(array ...$behaviours): void
    {
        $this->ask('POST', '', $behaviours);
    }

    /** Behaviours end, and counts are 0 again. */
    public function reset(): void
    {
        $this->ask('POST', '/reset');
    }

    /** @return list<string> ids of all events taken, each once, sorted */
    public function events(): array
    {
        $ids = array_unique($this->ask('GET', '/ids'));
        sort($ids, SORT_STRING);

        return $ids;
    }

    /** @return list<array<string, mixed>> the requests so far */
    public function seen(): array
    {
        return $this->ask('GET', '/seen');
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
}

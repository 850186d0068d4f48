<?php

// Required of every host that serves: no request waits for a Sentry that does not answer, a stop loses no envelope, and
// builds do not delay it; the shared cache outlives it.

declare(strict_types=1);

namespace Pillion\Tests;

/**
 * @param \Closure(Sandbox, string): (Fpm|RoadRunner|FrankenPhp) $start a host; the name is that of its directory
 * @param array<string, int> $stops signals that end it
 */
function every_host(\Closure $start, array $stops = ['SIGTERM' => SIGTERM]): void
{
    test('requests do not wait for a Sentry that does not answer', function (Sandbox $sandbox) use ($start): void {
        $sentry = $sandbox->sentry();
        // Longer than the whole test may take, so that a single wait would be visible.
        $sandbox->set('sentry_transport_timeout', '30s');
        $sentry->behave(['delivery' => ['stall_at' => 0], 'times' => 0]);
        $host = $start($sandbox, 'host');
        $accepted = [];
        $begun = microtime(true);
        for ($round = 0; $round < 20; $round++) {
            [$taken, $flushed] = $host->ask('outage', from: (string) ($round * 20), count: '20')['answer'];
            $accepted = [...$accepted, ...$taken];
            same(false, $flushed);
        }
        $seconds = microtime(true) - $begun;
        is_true($seconds < 29, "twenty requests took {$seconds} s");
        same(400, count($accepted));
        $left = array_column($host->ask('status')['answer']['runtime']['jobs'], 'kind');
        same([], array_values(array_diff($left, ['velox.build'])), 'a flush without a waiter is still running');
    });

    test('a stop with Sentry stalled loses nothing: the next start sends the envelopes', function (Sandbox $sandbox) use ($start): void {
        $sentry = $sandbox->sentry();
        $sandbox->set('sentry_transport_timeout', '500ms');
        $sentry->behave(['delivery' => ['stall_at' => 0], 'times' => 16]);
        $host = $start($sandbox, 'first');
        $accepted = [];
        for ($round = 0; $round < 12; $round++) {
            $accepted = [...$accepted, ...$host->ask('sentry', from: (string) ($round * 50), count: '50')['answer']];
        }
        same(600, count($accepted));
        $host->process->signal(SIGTERM);
        $host->process->wait(40);
        $accepted = [...$accepted, ...$start($sandbox, 'next')->ask('sentry', from: '900000', count: '1')['answer']];
        $sentry->await($accepted);
        // Neither more nor fewer than the accepted ones.
        sort($accepted, SORT_STRING);
        same($accepted, $sentry->events());
    });

    test('all workers count in one shared cache, and the next start goes on', function (Sandbox $sandbox) use ($start): void {
        $host = $start($sandbox, 'first');
        same(true, $host->ask('cache', key: 'kept', value: 'by the first start')['answer']);
        for ($round = 1; $round <= 40; $round++) {
            same($round, $host->ask('count')['answer']);
        }
        $workers = children($host->pid);
        $host->process->signal(SIGKILL);
        array_map(fn (int $worker): bool => posix_kill($worker, SIGKILL), $workers);
        $host->process->wait(40);
        $next = $start($sandbox, 'next');
        same(['by the first start', 41], [$next->ask('cache', key: 'kept')['answer'], $next->ask('count')['answer']]);
    });

    foreach ($stops as $name => $signal) {
        test("a stop by {$name} is quick with builds under way, and cancels them", function (Sandbox $sandbox) use ($start, $signal): void {
            $velox = $sandbox->velox();
            $velox->delay(60);
            $host = $start($sandbox, 'host');
            $host->ask('submit', name: 'one');
            $host->ask('submit', name: 'two');
            $velox->awaitInFlight(2);
            $workers = children($host->pid);
            $began = microtime(true);
            $host->process->signal($signal);
            same(0, $host->process->wait(40));
            is_true(microtime(true) - $began < 6, sprintf('its end took %.1f s', microtime(true) - $began));
            same([], array_filter($workers, is_alive(...)), 'workers');
            $velox->awaitInFlight(0);
            // SIGTERM ends a child of php-fpm without a shutdown of PHP.
            $signal === SIGTERM && $host instanceof Fpm || same([], glob($sandbox->setting('run_dir') . '/presence/*'), 'presences');
        });
    }
}

<?php

// The application of the hosts under test: the path of a request names the action, and the answer is JSON. program.php
// is loaded before it.

declare(strict_types=1);

use Pillion\Artifacts;
use Pillion\Future;
use Pillion\Velox;

final class Application
{
    /** @var list<Future> */
    private array $held = [];
    private int $served = 0;
    private readonly string $id;

    public function __construct()
    {
        // Identifies the worker and its start.
        $this->id = bin2hex(random_bytes(6));
    }

    /** @param array<string, string> $query */
    public function answer(string $path, array $query): string
    {
        $this->served++;
        $answer = $this->do(trim($path, '/'), $query, configuration(
            $query['name'] ?? 'a',
            array_intersect_key($query, ['request_id' => true]),
        ));

        return json_encode(['worker' => $this->id, 'pid' => getmypid(), 'served' => $this->served, 'answer' => $answer], JSON_THROW_ON_ERROR);
    }

    private function do(string $path, array $query, array $request): mixed
    {
        return match ($path) {
            'hello' => 'hello',
            // Waits for a build.
            'build' => outcome(fn () => Velox\build($request)->wait((float) ($query['seconds'] ?? 30))),
            // Waits for a build through the notifier, as an event loop does.
            'notified' => outcome(fn () => $this->notified(Velox\build($request))),
            // Submits a build without waiting.
            'submit' => Velox\build($request)->state(),
            // Keeps the future beyond the request.
            'hold' => ($this->held[] = Velox\build($request))->state(),
            'held' => array_map(fn (Future $future) => outcome(fn () => $future->wait(10)), $this->held),
            'find' => outcome(fn () => Velox\find($request)),
            'status' => Pillion\status(),
            'builds' => Velox\builds(),
            'entries' => count(Artifacts\entries(1000)),
            // Rebuilds an existing binary, without waiting.
            'rebuild' => Velox\build(['force_rebuild' => true] + $request)->state(),
            'put' => outcome(fn () => Artifacts\put(substr(md5($query['name']), 0, 16), __FILE__)->wait(30)),
            'forget' => Artifacts\forget(Velox\key($request)),
            'cache' => isset($query['value']) ? Pillion\Cache\set($query['key'], $query['value']) : Pillion\Cache\get($query['key']),
            'register' => $this->register((int) $query['number']),
            'count' => Pillion\Cache\increment('count'),
            'remember' => $this->remember($query['key'], $query['how']),
            'apcu' => [apcu_inc('count'), extension_loaded('apcu'), ini_get('apc.enabled'), count(ini_get_all('apcu'))],
            'cached' => $this->cached($query['how']),
            'sentry' => $this->sentry((int) $query['from'], (int) $query['count']),
            // Environment of one tenant among others, as dotenv sets it.
            'tenant' => [putenv("SENTRY_DSN={$query['dsn']}"), putenv('PILLION_SENTRY_ENABLED=false'), $this->sentry((int) $query['from'], 1)],
            // Waits for a short time only, as an application should at the end of a request.
            'outage' => [$this->sentry((int) $query['from'], (int) $query['count']), Pillion\Sentry\flush(0.01)],
            // Answers first, and waits afterwards.
            'later' => $this->later(Velox\build($request)),
            'clean' => outcome(fn () => Artifacts\clean()->wait(30)),
            'opcache' => opcache_get_status(false),
            'opcache_reset' => opcache_reset(),
            // Endings that no handler should have.
            'exit' => Velox\build($request) && exit('"bye"'),
            'throw' => throw new LogicException(Velox\build($request)->state()),
            'fatal' => Velox\build($request) && not_there(),
            'memory' => Velox\build($request) && str_repeat('x', 1 << 30),
            default => throw new LogicException("no such path: {$path}"),
        };
    }

    /** Uses the values that other requests use too, for a while. */
    private function register(int $number): string
    {
        require_once __DIR__ . '/register.php';

        return base64_encode((new Pillion\Tests\Register($number, 6, false))->work(0.3, 10_000));
    }

    /** @return list<string> ids of the events with accepted envelopes */
    private function sentry(int $from, int $count): array
    {
        $ids = array_map(static fn (int $i): string => sprintf('%032x', $i), range($from, $from + $count - 1));
        $payload = json_encode(['message' => str_repeat('x', 2000)]);

        return array_values(array_filter($ids, static fn (string $id): bool => Pillion\Sentry\send("{\"event_id\":\"{$id}\"}\n{\"type\":\"event\"}\n{$payload}")));
    }

    private function notified(Future $build): Pillion\Artifact
    {
        $notifier = Pillion\notifier();
        do {
            $read = [$notifier];
            $none = null;
            // False: a signal arrived, such as php-fpm's at the start of a reload.
            if (@stream_select($read, $none, $none, 20) === 0) {
                throw new LogicException('nothing is completed');
            }
            $completed = Pillion\completed();
            foreach ($completed as $future) {
                if ($future !== $build && !in_array($future, $this->held, true)) {
                    throw new LogicException('a future of another request');
                }
            }
        } while (!in_array($build, $completed, true));

        return $build->wait(0);
    }

    /** Produces a value, or ends the request meanwhile. */
    private function remember(string $key, string $how): array
    {
        return [Pillion\Cache\remember($key, function () use ($how): string {
            Pillion\Cache\increment('produced');
            usleep(50_000);

            return match ($how) {
                'memory' => str_repeat('x', 1 << 40),
                'exit' => exit('"bye"'),
                default => $how,
            };
        }), Pillion\Cache\get('produced')];
    }

    /** Reads a cached array and a string of it, changes both in many ways, and ends as told. */
    private function cached(string $how): string
    {
        static $held = [];
        if ($how === 'store') {
            Pillion\Cache\set_multiple(['array' => ['name' => 'one', 'list' => ['a', 'b', 3], 5 => null], 'text' => 'text', 'n' => 1.5]);
        }
        $read = Pillion\Cache\get_multiple(['array', 'text', 'n']);
        $seen = json_encode($read);
        $array = $read['array'];
        $held[] = [$read, $array['name'], $array['list'], &$array];
        $array['list'][] = 'new';
        $array['name'] .= '!';
        foreach ($read['array'] as $key => &$value) {
            $value = is_array($value) ? array_reverse($value) : $key;
        }
        unset($value, $read['array'][5]);
        ksort($read['array'], SORT_STRING);
        $read['text'][0] = 'T';
        $GLOBALS['kept'][] = array_merge($array, Pillion\Cache\get('array'), [Pillion\Cache\get('text')]);
        if ($how === 'replace') {
            Pillion\Cache\set('array', ['name' => 'two'] + $array);
            Pillion\Cache\get('array');
            gc_collect_cycles();
        }

        return match ($how) {
            'memory' => str_repeat('x', 1 << 30),
            'exit' => exit('"bye"'),
            default => $seen . json_encode([$held[0][1], $held[0][2]]),
        };
    }

    private function later(Future $build): string
    {
        $state = $build->state();
        echo json_encode($state);
        fastcgi_finish_request();
        $build->wait(30);

        return $state;
    }
}
